"""Values as people read them."""

from __future__ import annotations

from service.config.settings import load_settings
from service.config.shown import effective_values

SECRET = "whsec_" + "QUJD" * 10


def test_secrets_are_masked_and_the_rest_is_in_the_variables_own_form() -> None:
    settings = load_settings(
        {
            "AFTERIMAGE_API_KEYS": "acme:hunter2hunter2hunter2",
            "AFTERIMAGE_SIGNING_SECRETS": f"{SECRET},{SECRET}",
            "AFTERIMAGE_TENANT_SIGNING_SECRETS": f"acme:{SECRET}",
            "OPENAI_API_KEY": "sk-hunter2",
            "AFTERIMAGE_JOB_DEADLINE_SECONDS": "604800",
        }
    )
    values = {value.variable: value for value in effective_values(settings)}
    assert values["AFTERIMAGE_API_KEYS"].text == "acme:**********"
    assert values["AFTERIMAGE_SIGNING_SECRETS"].text == "**********,**********"
    assert values["AFTERIMAGE_TENANT_SIGNING_SECRETS"].text == "acme:**********"
    assert values["OPENAI_API_KEY"].text == "**********"
    assert values["AFTERIMAGE_JOB_DEADLINE_SECONDS"].text == "604800"
    assert values["AFTERIMAGE_ALLOW_ANONYMOUS"].text == "false"
    assert values["AFTERIMAGE_CALLBACK_RETRY_SCHEDULE"].text.startswith("5,30,120,")
    assert values["AFTERIMAGE_DATABASE_URL"].text == ""


def test_what_was_given_is_told_from_defaults() -> None:
    values = {value.variable: value.given for value in effective_values(load_settings({"AFTERIMAGE_PORT": "8000"}))}
    assert values["AFTERIMAGE_PORT"]
    assert not values["AFTERIMAGE_HOST"]
    assert not values["AFTERIMAGE_PUBLIC_URL"]


def test_groups_that_are_not_in_use_are_left_out() -> None:
    assert not any(value.variable.startswith("R2_") for value in effective_values(load_settings({})))
