from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from service.providers.plugins import PluginFault, load_plugins

MODULE = """
class Provider:
    def __init__(self, name, imaging):
        self.name = name
        self.imaging = imaging

def works(environ, imaging):
    return Provider(environ["ACME_NAME"], imaging)

def not_configured(environ, imaging):
    return None

def clashes(environ, imaging):
    return Provider("openai", imaging)

def breaks(environ, imaging):
    raise KeyError("ACME_KEY")

def nonsense(environ, imaging):
    return 7
"""

Install = Callable[[Mapping[str, str]], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs a package with these entry points for the length of a test."""

    def install(points: Mapping[str, str]) -> None:
        module = f"acme_{tmp_path.name}".replace("-", "_")
        (tmp_path / f"{module}.py").write_text(MODULE)
        about = tmp_path / f"{module}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        lines = (f"{name} = {target.replace('acme:', f'{module}:')}\n" for name, target in points.items())
        (about / "entry_points.txt").write_text("[afterimage.providers]\n" + "".join(lines))
        monkeypatch.syspath_prepend(tmp_path)

    return install


def test_without_plugins_there_is_nothing() -> None:
    plugins = load_plugins({}, None, taken=())
    assert plugins.providers == ()
    assert plugins.faults == ()


def test_a_plugin_makes_its_provider_from_variables_and_imaging(install: Install) -> None:
    install({"acme": "acme:works"})
    imaging = object()
    plugins = load_plugins({"ACME_NAME": "acme"}, imaging, taken=["openai"])
    assert [provider.name for provider in plugins.providers] == ["acme"]
    assert plugins.providers[0].imaging is imaging
    assert plugins.faults == ()


def test_a_plugin_that_is_not_configured_is_left_out(install: Install) -> None:
    install({"acme": "acme:not_configured"})
    plugins = load_plugins({}, None, taken=())
    assert (plugins.providers, plugins.faults) == ((), ())


def test_broken_plugins_are_reported_and_the_others_work(install: Install) -> None:
    install(
        {
            "a-breaks": "acme:breaks",
            "b-missing": "acme:missing",
            "c-away": "acme_not_there:create",
            "d-clashes": "acme:clashes",
            "e-nonsense": "acme:nonsense",
            "f-works": "acme:works",
            "g-twin": "acme:works",
        }
    )
    plugins = load_plugins({"ACME_NAME": "acme"}, None, taken=["openai", "local"])
    assert [provider.name for provider in plugins.providers] == ["acme"]
    faults = {fault.name: fault.detail for fault in plugins.faults}
    assert list(faults) == ["a-breaks", "b-missing", "c-away", "d-clashes", "e-nonsense", "g-twin"]
    assert faults["a-breaks"] == "KeyError: 'ACME_KEY'"
    assert faults["b-missing"].startswith("AttributeError:")
    assert faults["c-away"].startswith("ModuleNotFoundError:")
    assert faults["d-clashes"] == "ValueError: the provider name 'openai' is taken"
    assert faults["g-twin"] == "ValueError: the provider name 'acme' is taken"
    assert isinstance(plugins.faults[0], PluginFault)
