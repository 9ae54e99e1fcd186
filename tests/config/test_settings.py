"""paddock.toml, the command line over it, and what must never be let through."""

import pytest

from paddock.config.settings import Settings, is_loopback, listen_address, load_settings
from paddock.errors import ConfigError


def written(tmp_path, text, mode=0o600):
    path = tmp_path / "paddock.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def complaint(path, overrides=None):
    with pytest.raises(ConfigError) as raised:
        load_settings(path, overrides or {})
    error = raised.value
    return "\n".join((error.message, error.hint, *error.detail))


def test_without_a_file_everything_has_its_default(tmp_path):
    assert load_settings(None, {}) == Settings()
    assert load_settings(tmp_path / "nowhere.toml", {}) == Settings()


def test_the_command_line_goes_over_the_file_and_none_is_no_word(tmp_path):
    path = written(tmp_path, 'listen = "127.0.0.1:9000"\nmax-body = 8\npatience = 5\n')
    settings = load_settings(path, {"listen": "[::1]:1", "max_body": None, "log-size": 9})
    assert (settings.listen, settings.max_body, settings.log_size) == ("[::1]:1", 8, 9)
    assert settings.patience == 5.0


def test_an_unknown_setting_names_the_file_the_key_and_the_nearest(tmp_path):
    path = written(tmp_path, "max_bodi = 3\n")
    text = complaint(path)
    assert str(path) in text
    assert "unknown setting 'max_bodi'" in text
    assert "did you mean 'max-body'?" in text


def test_a_flag_of_serve_among_the_settings_is_called_a_flag(tmp_path):
    assert "paddock serve --state-dir" in complaint(written(tmp_path, 'state_dir = "/x"\n'))


@pytest.mark.parametrize("name", ["port", "host"])
def test_another_programs_name_for_the_address_is_answered_with_ours(tmp_path, name):
    assert "the address is `listen =" in complaint(written(tmp_path, f"{name} = 9000\n"))


def test_every_problem_is_reported_at_once(tmp_path):
    text = complaint(written(tmp_path, 'listen = "here"\nmax-body = "big"\nqueue-limit = -1\n'))
    assert "3 problems" in text
    assert "listen takes HOST:PORT" in text
    assert "max-body is wrong: Expected `int`, got `str`" in text
    assert "queue-limit must be 0 or more, not -1" in text


def test_a_file_that_is_not_toml_says_where(tmp_path):
    assert "line 1" in complaint(written(tmp_path, "listen = \n"))


@pytest.mark.parametrize("listen", ["0.0.0.0:8080", "[::]:8080", "192.168.1.5:80", "desk:8080"])
def test_other_machines_need_keys_or_the_users_word_for_it(listen):
    text = complaint(None, {"listen": listen})
    assert "lets other machines in" in text
    assert "insecure = true" in text
    assert load_settings(None, {"listen": listen, "insecure": True}).listen == listen
    assert load_settings(None, {"listen": listen, "api_keys": ["k"]}).api_keys == ("k",)


def test_an_empty_key_would_let_anybody_in():
    assert "holds an empty key" in complaint(None, {"management-keys": ["a", ""]})


def test_keys_that_others_may_read_are_refused_with_the_command_to_run(tmp_path):
    path = written(tmp_path, 'api-keys = ["secret"]\n', mode=0o644)
    text = complaint(path)
    assert f"chmod 600 {path}" in text
    assert "secret" not in text
    path.chmod(0o600)
    assert load_settings(path, {}).api_keys == ("secret",)
    path.write_text("max-body = 3\n")
    path.chmod(0o644)
    assert load_settings(path, {}).max_body == 3


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("[::1]:0", ("::1", 0)),
        ("localhost:65535", ("localhost", 65535)),
    ],
)
def test_an_address(text, address):
    assert listen_address(text) == address
    assert is_loopback(address[0])


@pytest.mark.parametrize(
    "text", ["", "8080", ":8080", "::1:8080", "a:65536", "a:-1", "a:b", "[]:1"]
)
def test_what_is_no_address(text):
    with pytest.raises(ValueError, match="HOST:PORT"):
        listen_address(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ollama-port = 8080", "ollama-port and listen are both 8080"),
        (
            "ollama-port = 11434\nwrapper-port = 11434",
            "wrapper-port and ollama-port are both 11434",
        ),
        ("wrapper-port = 80810", "wrapper-port is a port, 1 to 65535"),
        ("ollama-port = -1", "ollama-port is a port, 1 to 65535"),
    ],
)
def test_each_port_is_one_and_its_own(tmp_path, text, said):
    assert said in complaint(written(tmp_path, text))
