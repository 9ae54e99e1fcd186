"""TLS between the front and a node: believed by an authority or pinned; what does not match is refused, and said."""

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from paddock.config.cluster import ClusterSettings
from paddock.config.keys import NamedKey, add_key, digest_of
from paddock.config.paths import keys_file
from paddock.errors import ConfigError
from paddock.http.tls import believed, shown
from tests.cluster.puppet import Puppet
from tests.cluster.stable import KEY, front_of, node
from tests.ports import free_port
from tests.yard import places, yard

_NOW = dt.datetime.now(dt.UTC)
_DAY = dt.timedelta(days=1)


class Issuer:
    """An authority of the test's own, with what it has signed in a folder."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self.folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        own = self._built(self._name, self._key, (), ends=_NOW + _DAY, is_authority=True)
        self.file = self._write(f"{name}.pem", own)

    def issue(
        self, name: str, address: str = "127.0.0.1", *, ends: dt.datetime = _NOW + _DAY
    ) -> Path:
        """A certificate for this address, its key beside it."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = [x509.IPAddress(ipaddress.ip_address(address))]
        plain = serialization.NoEncryption()
        content = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain
        )
        (self.folder / f"{name}.key").write_bytes(content)
        return self._write(f"{name}.pem", self._built(subject, key, names, ends=ends))

    def _built(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        names: Sequence[x509.GeneralName],
        *,
        ends: dt.datetime,
        is_authority: bool = False,
    ) -> x509.Certificate:
        made = x509.CertificateBuilder(
            self._name,
            subject,
            key.public_key(),
            x509.random_serial_number(),
            _NOW - 9 * _DAY,
            ends,
        ).add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        if names:
            made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return made.sign(self._key, hashes.SHA256())

    def _write(self, name: str, certificate: x509.Certificate) -> Path:
        file = self.folder / name
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return file


async def _serves(certificate: Path) -> tuple[Puppet, asyncio.Server, str]:
    """A node that says what a test has it say, by TLS."""
    made = Puppet("m")
    context = shown(
        ClusterSettings(
            tls_listen="x", tls_certificate=certificate.name, tls_key=f"{certificate.stem}.key"
        ),
        certificate.parent,
    )
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=context)
    return made, server, f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"


BELIEVED = {
    "signed by an authority": ("ca", "", ""),
    "the certificate itself": ("one", "", ""),
    "another authority": ("other", "", "unable to get local issuer certificate"),
    "another certificate": ("two", "", "unable to get local issuer certificate"),
    "another machine's": ("ca", "elsewhere", "IP address mismatch"),
    "expired": ("ca", "old", "certificate has expired"),
}


@pytest.mark.parametrize("name", BELIEVED)
async def test_a_node_is_asked_where_its_certificate_is_believed(tmp_path: Path, name: str) -> None:
    ca, certificate, trouble = BELIEVED[name]
    issuer = Issuer(tmp_path)
    Issuer(tmp_path, "other")
    for issued in ("one", "two"):
        issuer.issue(issued)
    issuer.issue("elsewhere", "192.0.2.7")
    issuer.issue("old", ends=_NOW - _DAY)
    made, server, url = await _serves(tmp_path / f"{certificate or 'one'}.pem")
    cluster = ClusterSettings(tls_ca=str(tmp_path / f"{ca}.pem"))
    async with front_of(tmp_path, [node("one", url, KEY)], cluster=cluster) as home:
        if not trouble:
            await home.until_up("one")
            assert (await home.ask("m"))[0] == 200
            assert (await home.ask("m"))[0] == 200  # over a connection that was kept
        else:
            seen = await home.until(lambda s: s.nodes[0].reason)
            said = seen.nodes[0].reason
            assert said.startswith("its certificate is not accepted: ")
            assert trouble in said
            assert not made.heard
    server.close()
    made.cut()


async def test_no_node_is_asked_in_the_open_where_authorities_are_named(tmp_path: Path) -> None:
    Issuer(tmp_path)
    cluster = ClusterSettings(tls_ca=str(tmp_path / "ca.pem"))
    async with front_of(
        tmp_path, [node("one", "http://192.0.2.7:8085", KEY)], cluster=cluster
    ) as home:
        seen = await home.until(lambda s: s.nodes[0].reason)
        assert seen.nodes[0].reason == "it serves the front without TLS, and tls-ca is set here"


async def test_a_daemon_serves_fronts_alone_at_its_address_for_them(
    tmp_path: Path, models: Path
) -> None:
    certificate = Issuer(tmp_path).issue("one")
    paths = places(tmp_path / "node", f"[alpha]\nmodel = {models}/alpha.gguf\n")
    paths.state_dir.mkdir()
    add_key(keys_file(paths.state_dir), NamedKey(name="front", scope="node", digest=digest_of(KEY)))
    add_key(
        keys_file(paths.state_dir), NamedKey(name="me", scope="manage", digest=digest_of("mine"))
    )
    listen = f"127.0.0.1:{free_port()}"
    of_node = ClusterSettings(
        tls_listen=listen, tls_certificate=str(certificate), tls_key=str(tmp_path / "one.key")
    )
    at = ClusterSettings(tls_ca=str(tmp_path / "ca.pem"))
    url = f"https://{listen}"
    async with (
        yard(paths, cluster=of_node),
        front_of(tmp_path, [node("one", url, KEY)], cluster=at) as home,
    ):
        await home.until_up("one")
        assert await home.answer("alpha") == "I am alpha."
        context = believed(at, tmp_path)
        for key, status, words in (
            ("", 401, "an API key is needed"),
            ("mine", 403, "for the front of a stable"),
            (KEY, 200, "version"),
        ):
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            assert context is not None
            async with home.http.get(f"{url}/status", headers=headers, ssl=context) as reply:
                assert (reply.status, words in await reply.text()) == (status, True)
        with pytest.raises(aiohttp.ClientError):  # there is nothing in the open
            await home.http.get(f"http://{listen}/health")


WRONG: dict[str, dict[str, Any]] = {
    "which is no file": {"tls_certificate": "none.pem", "tls_key": "one.key"},
    "key values mismatch": {"tls_certificate": "one.pem", "tls_key": "two.key"},
    "cannot be used": {"tls_certificate": "text.pem", "tls_key": "one.key"},
}


@pytest.mark.parametrize("words", WRONG)
def test_files_that_cannot_be_used_are_named(tmp_path: Path, words: str) -> None:
    issuer = Issuer(tmp_path)
    issuer.issue("one")
    issuer.issue("two")
    (tmp_path / "text.pem").write_text("no certificate")
    with pytest.raises(ConfigError, match=words):
        shown(ClusterSettings(tls_listen="x", **WRONG[words]), tmp_path)
    with pytest.raises(ConfigError, match=r"text\.pem"):
        believed(ClusterSettings(tls_ca="text.pem"), tmp_path)


def test_a_certificate_without_its_fellows_is_a_mistake(tmp_path: Path) -> None:
    from paddock.config.cluster import cluster_problems

    for value, words in (
        ({"tls-listen": "0.0.0.0:8086"}, "go together"),
        ({"tls-certificate": "a", "tls-key": "b"}, "go together"),
        ({"tls-listen": "8086", "tls-certificate": "a", "tls-key": "b"}, "HOST:PORT"),
        ({"tls-listen": "x:0", "tls-certificate": "a", "tls-key": "b"}, "needs a port"),
    ):
        [problem] = cluster_problems(value, "paddock.toml")
        assert words in problem.message
    assert not list(cluster_problems({"tls-ca": "ca.pem"}, "paddock.toml"))
    assert ssl.HAS_TLSv1_3
