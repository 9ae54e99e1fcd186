"""The manifests of the page on Kubernetes have no field that Kubernetes or KubeRay does not know. They are not applied.

Kubernetes' own types come from lightkube-models, which is generated from its OpenAPI document. Those of KubeRay stand here
by hand, after the types of `RayClusterSpec` in its API (v1, as of KubeRay 1.5.1).
"""

import types
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin

import msgspec
import pytest
import yaml
from lightkube.models import core_v1, meta_v1, networking_v1

from paddock.config.models_conf import read
from tests.config.stables import flags_of_the_build
from tests.docs.pages import ROOT, blocks, text

MANIFESTS: list[dict[str, Any]] = list(
    yaml.safe_load_all((ROOT / "examples" / "kubernetes.yaml").read_text())
)


class Ray(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A part of KubeRay's."""


class Auth(Ray):
    mode: Literal["disabled", "token"]


class Head(Ray):
    rayStartParams: dict[str, str]  # noqa: N815 - as in the manifest
    template: core_v1.PodTemplateSpec
    serviceType: str = ""  # noqa: N815
    headService: core_v1.Service | None = None  # noqa: N815
    enableIngress: bool = False  # noqa: N815


class Workers(Ray):
    groupName: str  # noqa: N815
    minReplicas: int  # noqa: N815
    maxReplicas: int  # noqa: N815
    rayStartParams: dict[str, str]  # noqa: N815
    template: core_v1.PodTemplateSpec
    replicas: int = 0
    numOfHosts: int = 1  # noqa: N815
    scaleStrategy: dict[str, list[str]] = {}  # noqa: N815


class RayClusterSpec(Ray):
    headGroupSpec: Head  # noqa: N815
    workerGroupSpecs: list[Workers] = []  # noqa: N815
    rayVersion: str = ""  # noqa: N815
    authOptions: Auth | None = None  # noqa: N815
    enableInTreeAutoscaling: bool = False  # noqa: N815
    suspend: bool = False


class RayCluster(Ray):
    apiVersion: Literal["ray.io/v1"]  # noqa: N815
    kind: Literal["RayCluster"]
    metadata: meta_v1.ObjectMeta
    spec: RayClusterSpec


KINDS: dict[str, Any] = {
    "Namespace": core_v1.Namespace,
    "Secret": core_v1.Secret,
    "ConfigMap": core_v1.ConfigMap,
    "PersistentVolumeClaim": core_v1.PersistentVolumeClaim,
    "Service": core_v1.Service,
    "NetworkPolicy": networking_v1.NetworkPolicy,
    "RayCluster": RayCluster,
}


def problems(manifest: dict[str, Any]) -> list[str]:
    kind = KINDS[manifest["kind"]]
    found = list(unknown(manifest, kind, manifest["kind"]))
    try:
        msgspec.convert(manifest, kind)
    except msgspec.ValidationError as error:
        found.append(str(error))
    return found


def unknown(value: Any, kind: Any, where: str) -> Iterator[str]:
    """Fields that their type does not have: `convert` lets them pass in those of Kubernetes."""
    arguments = get_args(kind)
    if get_origin(kind) in (Union, types.UnionType):
        [kind] = [one for one in arguments if one is not type(None)][:1]
        yield from unknown(value, kind, where)
    elif get_origin(kind) is list and isinstance(value, list):
        for number, item in enumerate(value):
            yield from unknown(item, arguments[0], f"{where}[{number}]")
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(value, dict):
        known = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
        yield from (f"{where} has no {name}" for name in value if name not in known)
        for name in known.keys() & value.keys():
            yield from unknown(value[name], known[name], f"{where}.{name}")


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda manifest: manifest["kind"])
def test_every_field_is_one_that_its_kind_has(manifest):
    assert problems(manifest) == []


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (["spec", "rayVersions"], "2.60.0", "has no rayVersions"),
        (["spec", "authOptions", "mode"], "tokens", "tokens"),
        (["spec", "headGroupSpec", "rayStartParams", "num-cpus"], 0, "Expected `str`, got `int`"),
        (["spec", "workerGroupSpecs", 0, "replicas"], "2", "Expected `int`, got `str`"),
        (["spec", "headGroupSpec", "template", "spec", "container"], [], "has no container"),
        (
            ["spec", "workerGroupSpecs", 0, "template", "spec", "containers", 0, "livenessProbe", "tcp"],
            {},
            "has no tcp",
        ),
        (
            ["spec", "headGroupSpec", "template", "spec", "containers", 0, "ports", 0],
            {"name": "x"},
            "containerPort",
        ),
    ],
)  # fmt: skip
def test_a_slip_is_found(path, value, problem):
    [cluster] = yaml.safe_load_all(
        yaml.safe_dump_all([m for m in MANIFESTS if m["kind"] == "RayCluster"])
    )
    place = cluster
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert any(problem in found for found in problems(cluster)), problems(cluster)


def of_kind(kind: str) -> dict[str, Any]:
    [found] = [manifest for manifest in MANIFESTS if manifest["kind"] == kind]
    return found


def pods() -> list[dict[str, Any]]:
    spec = of_kind("RayCluster")["spec"]
    groups = [spec["headGroupSpec"], *spec["workerGroupSpecs"]]
    return [group["template"]["spec"] for group in groups]


def test_what_is_mounted_is_there_and_named_once():
    named = {(m["kind"], m["metadata"]["name"]) for m in MANIFESTS}
    for pod in pods():
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        assert {m["name"] for c in pod["containers"] for m in c["volumeMounts"]} == set(volumes)
        for volume in volumes.values():
            if "secret" in volume:
                assert ("Secret", volume["secret"]["secretName"]) in named
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in named
            if claim := volume.get("persistentVolumeClaim"):
                assert ("PersistentVolumeClaim", claim["claimName"]) in named


def test_the_service_and_the_policy_lead_to_the_front():
    head = pods()[0]["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in head["ports"]}
    [port] = of_kind("Service")["spec"]["ports"]
    assert ports[port["targetPort"]] == port["port"] == 8080
    assert of_kind("NetworkPolicy")["spec"]["ingress"][1]["ports"] == [
        {"protocol": "TCP", "port": 8080}
    ]
    assert "8080" in of_kind("Secret")["stringData"]["paddock.toml"]


def test_its_models_conf_is_a_good_one(tmp_path):
    data = of_kind("ConfigMap")["data"]
    conf = tmp_path / "models.conf"
    conf.write_text(data["models.conf"])
    stable, found = read(conf, models_dir=tmp_path, flags_for=flags_of_the_build)
    assert stable is not None
    assert [str(problem) for problem in found if problem.kind != "file"] == []
    assert stable.profiles["qwen-coder"].replicas == 2


def test_the_page_and_the_manifests_say_that_nobody_has_run_them():
    assert "NOT RUN" in (ROOT / "examples" / "kubernetes.yaml").read_text()[:600]
    page = text("docs/kubernetes.md")
    assert "never been run" in page[:600]
    assert all("kubectl" not in block or "kubernetes.yaml" in block for block in blocks(page, "sh"))
