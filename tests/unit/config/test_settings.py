"""The whole configuration: defaults, every fault at once, and what only several groups together show."""

from __future__ import annotations

import base64
from dataclasses import FrozenInstanceError
from ipaddress import ip_network
from pathlib import Path

import pytest

from service.config.faults import ConfigurationError
from service.config.settings import GROUPS, load_settings
from service.config.storage import CosSettings, R2Settings

SECRET = "whsec_" + "QUJD" * 10
ANY = "0.0.0.0"  # noqa: S104 - read, not bound
COS = {"COS_ENDPOINT": "https://s3.example.com/", "COS_ACCESS_KEY_ID": "id", "COS_SECRET_ACCESS_KEY": "hush"}
R2 = {"R2_ACCOUNT_ID": "abc123", "R2_ACCESS_KEY_ID": "id", "R2_SECRET_ACCESS_KEY": "hush", "R2_BUCKET_NAME": "pics"}


def faults(environ: dict[str, str]) -> dict[str, str]:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(environ)
    return {fault.variable: fault.problem for fault in caught.value.faults}


def test_nothing_set_runs_with_nothing() -> None:
    settings = load_settings({})
    assert settings.server.public_url == "http://127.0.0.1:8000"
    assert settings.store is None
    assert settings.openai.api_key is None
    assert settings.database.database_file == Path("afterimage-data/afterimage.db")
    assert 1 <= settings.pictures.imaging_workers <= 4
    assert settings.callbacks.retry_schedule[:3] == (5, 30, 120)
    assert settings.fallback.fallback == "local"


def test_settings_cannot_be_changed() -> None:
    settings = load_settings({})
    with pytest.raises(FrozenInstanceError):
        settings.store = None
    with pytest.raises(ValueError, match="frozen"):
        settings.server.port = 1


def test_every_fault_of_every_group_is_reported_at_once_by_name() -> None:
    found = faults(
        {
            "AFTERIMAGE_PORT": "80000",
            "AFTERIMAGE_HOST": ANY,
            "AFTERIMAGE_LOG_LEVEL": "loud",
            "AFTERIMAGE_CALLBACK_RETRY_SCHEDULE": "5,soon",
            "COS_ENDPOINT": "https://s3.example.com",
            "AFTERIMAGE_TIMEOUT": "5",
        }
    )
    assert set(found) == {
        "AFTERIMAGE_PORT",
        "AFTERIMAGE_API_KEYS",
        "AFTERIMAGE_LOG_LEVEL",
        "AFTERIMAGE_CALLBACK_RETRY_SCHEDULE",
        "AFTERIMAGE_TIMEOUT",
        "COS_ACCESS_KEY_ID",
        "COS_SECRET_ACCESS_KEY",
        "COS_INPUT_BUCKET",
        "COS_OUTPUT_BUCKET",
    }
    assert found["AFTERIMAGE_PORT"] == "'80000' is not valid, expected a whole number from 1 to 65535"
    assert found["COS_ACCESS_KEY_ID"].startswith("is missing")


def test_the_error_is_a_list_for_people() -> None:
    with pytest.raises(ConfigurationError, match=r"faulty:\n  AFTERIMAGE_PORT: 'x' is not valid"):
        load_settings({"AFTERIMAGE_PORT": "x"})


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("AFTERIMAGE_API_KEYS", "acme:hunter2"),
        ("AFTERIMAGE_API_KEYS", "hunter2hunter2hunter2"),
        ("AFTERIMAGE_API_KEYS", "acme:hunter2 with a blank in it"),
        ("AFTERIMAGE_SIGNING_SECRETS", "whsec_hunter2"),
        ("AFTERIMAGE_TENANT_SIGNING_SECRETS", "acme:whsec_hunter2"),
        ("AFTERIMAGE_DATABASE_URL", "mysql://root:hunter2@db/jobs"),
        ("AFTERIMAGE_DATABASE_URL", "postgresql+psycopg://root:hunter2@db/jobs"),
        ("AFTERIMAGE_DATABASE_URL", "postgresql://root:hunter2%@db/jobs"),
        ("AFTERIMAGE_DATABASE_URL", "postgresql://root:hunter2@db/jobs?password_of=hunter2"),
        ("AFTERIMAGE_DATABASE_URL", "root:hunter2"),
        ("AFTERIMAGE_SIGNING_SECRETS", "whsec_hunter2é"),
        ("OPENAI_BASE_URL", "https://user:hunter2@api.example.com"),
        ("OPENAI_BASE_URL", "https://user:hunter2"),
    ],
)
def test_a_fault_never_repeats_a_secret(variable: str, text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings({variable: text})
    assert variable in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_an_empty_variable_counts_as_absent() -> None:
    assert load_settings({"AFTERIMAGE_PORT": " ", "COS_ENDPOINT": ""}) == load_settings({})


def test_a_probable_misspelling_names_the_nearest_variable() -> None:
    problem = faults({"AFTERIMAGE_CALLBACK_TIMEOUT": "5"})["AFTERIMAGE_CALLBACK_TIMEOUT"]
    assert problem.endswith("probably AFTERIMAGE_CALLBACK_TIMEOUT_SECONDS is meant")


def test_a_variable_that_resembles_none_is_only_called_unknown() -> None:
    assert faults({"AFTERIMAGE_XYZZY": "5"})["AFTERIMAGE_XYZZY"] == "is no variable of this service"


def test_other_programs_variables_are_none_of_our_business() -> None:
    load_settings({"PATH": "/bin", "OPENAI_ORG_ID": "org", "COS_TOOL_HOME": "/opt"})


class TestAccess:
    def test_others_are_served_only_with_keys(self) -> None:
        assert "AFTERIMAGE_ALLOW_ANONYMOUS=true" in faults({"AFTERIMAGE_HOST": "images.example"})["AFTERIMAGE_API_KEYS"]

    @pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost", "LOCALHOST"])
    def test_loopback_needs_no_keys(self, host: str) -> None:
        load_settings({"AFTERIMAGE_HOST": host})

    @pytest.mark.parametrize("more", [{"AFTERIMAGE_ALLOW_ANONYMOUS": "true"}, {"AFTERIMAGE_API_KEYS": "a:" + "k" * 16}])
    def test_keys_or_saying_so_open_the_service(self, more: dict[str, str]) -> None:
        settings = load_settings({"AFTERIMAGE_HOST": ANY, **more})
        assert settings.server.public_url == "http://127.0.0.1:8000"

    def test_a_malformed_key_is_one_fault_only(self) -> None:
        found = faults({"AFTERIMAGE_HOST": ANY, "AFTERIMAGE_API_KEYS": "acme"})
        assert list(found) == ["AFTERIMAGE_API_KEYS"]
        assert "no tenant name before a colon" in found["AFTERIMAGE_API_KEYS"]

    def test_keys_belong_to_tenants(self) -> None:
        access = load_settings({"AFTERIMAGE_API_KEYS": f"a:{'1' * 16}, b:{'2' * 16},a:with:colon:{'3' * 16},"}).access
        assert access.tenants == {"a", "b"}
        assert [key.tenant for key in access.api_keys] == ["a", "b", "a"]
        assert access.api_keys[2].key.get_secret_value() == "with:colon:" + "3" * 16

    def test_one_key_cannot_be_two_tenants(self) -> None:
        assert "twice" in faults({"AFTERIMAGE_API_KEYS": f"a:{'1' * 16},b:{'1' * 16}"})["AFTERIMAGE_API_KEYS"]

    def test_secrets_of_tenants_belong_to_tenants_with_keys(self) -> None:
        found = faults({"AFTERIMAGE_API_KEYS": "a:" + "1" * 16, "AFTERIMAGE_TENANT_SIGNING_SECRETS": f"b:{SECRET}"})
        assert found["AFTERIMAGE_TENANT_SIGNING_SECRETS"].startswith("names b,")

    @pytest.mark.parametrize("length", [24, 64])
    def test_secrets_have_24_to_64_bytes(self, length: int) -> None:
        secret = "whsec_" + base64.b64encode(bytes(length)).decode()
        assert (
            load_settings({"AFTERIMAGE_SIGNING_SECRETS": secret}).access.signing_secrets[0].get_secret_value() == secret
        )

    @pytest.mark.parametrize("secret", ["whsec_" + "AAAA" * 7, "whsec_" + "AAAA" * 22, SECRET[6:], "whsec_%%%%"])
    def test_other_secrets_are_refused(self, secret: str) -> None:
        assert "24 to 64 bytes" in faults({"AFTERIMAGE_SIGNING_SECRETS": secret})["AFTERIMAGE_SIGNING_SECRETS"]


class TestStore:
    def test_cos_wins_over_r2(self) -> None:
        store = load_settings({**COS, **R2, "COS_BUCKET": "pictures"}).store
        assert isinstance(store, CosSettings)
        assert (store.endpoint, store.region) == ("https://s3.example.com", "us-east-1")
        assert (store.input_bucket, store.output_bucket) == ("pictures", "pictures")

    def test_the_region_of_an_ibm_endpoint_is_in_its_name(self) -> None:
        ibm = "s3.direct.eu-de.cloud-object-storage.appdomain.cloud"
        store = load_settings({**COS, "COS_ENDPOINT": ibm, "COS_BUCKET": "pictures"}).store
        assert isinstance(store, CosSettings)
        assert (store.region, store.endpoint) == ("eu-de", f"https://{ibm}")

    def test_two_buckets_make_the_one_bucket_unnecessary(self) -> None:
        store = load_settings({**COS, "COS_INPUT_BUCKET": "in-bucket", "COS_OUTPUT_BUCKET": "out-bucket"}).store
        assert isinstance(store, CosSettings)
        assert (store.input_bucket, store.output_bucket) == ("in-bucket", "out-bucket")

    def test_a_faulty_bucket_is_one_fault_only(self) -> None:
        assert list(faults({**COS, "COS_BUCKET": "No Bucket"})) == ["COS_BUCKET"]

    def test_a_bucket_alone_is_not_taken_for_the_folder(self) -> None:
        assert set(faults({"COS_BUCKET": "pictures"})) == {
            "COS_ENDPOINT",
            "COS_ACCESS_KEY_ID",
            "COS_SECRET_ACCESS_KEY",
        }

    def test_prefixes_and_link_times_hold_for_the_folder_too(self) -> None:
        settings = load_settings({"COS_INPUT_PREFIX": "in/", "COS_PRESIGN_EXPIRES": "60"})
        assert (settings.store, settings.objects.input_prefix, settings.objects.presign_expires) == (None, "in/", 60)

    def test_the_endpoint_of_r2_comes_from_the_account(self) -> None:
        store = load_settings(R2).store
        assert isinstance(store, R2Settings)
        assert store.endpoint == "https://abc123.r2.cloudflarestorage.com"

    def test_the_endpoint_of_r2_can_be_another_one(self) -> None:
        given = {name: text for name, text in R2.items() if name != "R2_ACCOUNT_ID"}
        store = load_settings({**given, "R2_ENDPOINT": "http://127.0.0.1:9000"}).store
        assert isinstance(store, R2Settings)
        assert store.endpoint == "http://127.0.0.1:9000"
        assert set(faults(given)) == {"R2_ENDPOINT"}


class TestFormats:
    def test_networks(self) -> None:
        given = load_settings({"AFTERIMAGE_CALLBACK_ALLOW_NETWORKS": "10.0.0.0/8, ::1"}).callbacks.allow_networks
        assert given == (ip_network("10.0.0.0/8"), ip_network("::1/128"))

    @pytest.mark.parametrize("text", ["10.0.0.1/8", "everywhere", "10.0.0.0/33"])
    def test_what_is_no_network_is_refused(self, text: str) -> None:
        assert text in faults({"AFTERIMAGE_FETCH_ALLOW_NETWORKS": text})["AFTERIMAGE_FETCH_ALLOW_NETWORKS"]

    def test_rewrites(self) -> None:
        text = "wxo-server:4321=127.0.0.1:14321, a:1=[::1]:2"
        given = load_settings({"AFTERIMAGE_CALLBACK_URL_REWRITES": text}).callbacks.url_rewrites
        assert given == ("wxo-server:4321=127.0.0.1:14321", "a:1=[::1]:2")

    @pytest.mark.parametrize("text", ["a=b:1", "a:1", "a:1=b:99999", "a:0=b:1", "http://a:1=b:2"])
    def test_what_is_no_rewrite_is_refused(self, text: str) -> None:
        assert text in faults({"AFTERIMAGE_CALLBACK_URL_REWRITES": text})["AFTERIMAGE_CALLBACK_URL_REWRITES"]

    @pytest.mark.parametrize("text", ["0", "5,-1", "5;30", "604801"])
    def test_a_schedule_is_of_positive_seconds(self, text: str) -> None:
        assert "seconds" in faults({"AFTERIMAGE_CALLBACK_RETRY_SCHEDULE": text})["AFTERIMAGE_CALLBACK_RETRY_SCHEDULE"]

    def test_the_label_says_where_the_reason_stands(self) -> None:
        assert "{reason}" in faults({"AFTERIMAGE_FALLBACK_LABEL": "a copy"})["AFTERIMAGE_FALLBACK_LABEL"]
        given = load_settings({"AFTERIMAGE_FALLBACK_LABEL": "copy: {reason}"}).fallback.fallback_label
        assert given == "copy: {reason}"

    @pytest.mark.parametrize(
        "url", ["ftp://x", "example.com", "https://", "https://x/?a=b", "https://x/#f", "http://[x", "http://x:0"]
    )
    def test_urls_are_whole_and_plain(self, url: str) -> None:
        assert "AFTERIMAGE_PUBLIC_URL" in faults({"AFTERIMAGE_PUBLIC_URL": url})

    def test_an_ipv6_host_stands_in_brackets_in_the_url(self) -> None:
        assert load_settings({"AFTERIMAGE_HOST": "::1", "AFTERIMAGE_PORT": "1"}).server.public_url == "http://[::1]:1"

    def test_a_sqlite_file_elsewhere(self) -> None:
        database = load_settings({"AFTERIMAGE_DATABASE_URL": "sqlite:////srv/jobs.db"}).database
        assert database.database_file == Path("/srv/jobs.db")
        assert "AFTERIMAGE_DATABASE_URL" in faults({"AFTERIMAGE_DATABASE_URL": "sqlite:///"})

    @pytest.mark.parametrize(
        "url",
        [
            "postgres://db/jobs",
            "postgresql://user:p%40ss@one:5432,two:5433/jobs?target_session_attrs=read-write&sslmode=require",
            "postgresql:///jobs?host=/run/postgresql",
        ],
    )
    def test_a_postgres_database_is_named_as_libpq_takes_it(self, url: str) -> None:
        assert load_settings({"AFTERIMAGE_DATABASE_URL": url}).database.postgres_url == url

    @pytest.mark.parametrize(
        ("url", "scheme"), [("mysql://db/jobs", "mysql://"), ("postgresql+asyncpg://db/jobs", "postgresql+asyncpg://")]
    )
    def test_another_database_is_refused_by_name(self, url: str, scheme: str) -> None:
        said = faults({"AFTERIMAGE_DATABASE_URL": url})["AFTERIMAGE_DATABASE_URL"]
        assert f"{scheme} is no database that the service knows" in said

    def test_words_are_taken_in_capitals_too(self) -> None:
        assert load_settings({"AFTERIMAGE_LOG_LEVEL": "WARNING"}).logs.level == "warning"

    def test_proxies_are_read_in_small_letters_too(self) -> None:
        proxies = load_settings(
            {"https_proxy": "http://u:p@proxy:3128", "HTTPS_PROXY": "no", "no_proxy": "a, .b"}
        ).proxies
        assert proxies.https_proxy is not None
        assert proxies.https_proxy.get_secret_value() == "http://u:p@proxy:3128"
        assert proxies.no_proxy == ("a", ".b")


class TestEnvFile:
    def test_it_is_read_and_the_environment_wins(self, tmp_path: Path) -> None:
        file = tmp_path / ".env"
        file.write_text("AFTERIMAGE_PORT=9001\nAFTERIMAGE_LOG_LEVEL=error\n# comment\nEMPTY\n")
        settings = load_settings({"AFTERIMAGE_PORT": "9002"}, env_file=file)
        assert (settings.server.port, settings.logs.level) == (9002, "error")

    def test_its_misspellings_are_reported(self, tmp_path: Path) -> None:
        file = tmp_path / ".env"
        file.write_text("AFTERIMAGE_PROT=9001\n")
        with pytest.raises(ConfigurationError, match="AFTERIMAGE_PORT is meant"):
            load_settings({}, env_file=file)

    def test_it_need_not_be_there(self, tmp_path: Path) -> None:
        assert load_settings({}, env_file=tmp_path / ".env") == load_settings({})


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.__name__)
def test_every_variable_is_explained(group: type) -> None:
    for variable in group.variables().values():
        assert variable.meaning, variable.name
        assert variable.example, variable.name
        assert variable.expects, variable.name
