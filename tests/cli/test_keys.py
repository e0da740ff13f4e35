"""`gradveil keys new` and `export-public`: what they write, who may read it, and what they refuse."""

import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from gradveil.cli import folders, key_folder
from gradveil.cli.app import app
from gradveil.exchange import Layout, Selection, wire
from gradveil.plan import Masking, Placement, Plan, load, save
from he import CkksParams, ClientKey, Encryption, Identity, PackedParams, PublicKey, Roster, ServerKey
from tests.cli.key_files import PASSPHRASE, mode, names, private


def test_a_job_gets_all_its_files(shared):
    assert names(shared) == [
        "client.key",
        "identities/ann.key",
        "identities/bob.key",
        "identities/server.key",
        "roster",
        "server.key",
    ]
    key = ClientKey.load(shared / "client.key")
    assert key.params == CkksParams()
    assert key.scope == ServerKey.from_bytes((shared / "server.key").read_bytes()).scope
    ann, bob, server = (
        Identity.load(shared / "identities" / f"{name}.key") for name in ("ann", "bob", "server")
    )
    assert Roster.from_bytes((shared / "roster").read_bytes()).hash == Roster.of([ann, bob], server).hash


def test_secrets_are_for_their_owner_only(shared, public):
    assert mode(shared) == 0o700
    for path in (shared / "client.key", public / "client.key", *(shared / "identities").iterdir()):
        assert mode(path) == 0o600
    for path in (shared / "server.key", shared / "roster", public / "public.key"):
        assert mode(path) == 0o644


def test_a_public_key_encrypts_for_the_holder(public):
    assert names(public) == ["client.key", "public.key", "server.key"]
    key = PublicKey.from_bytes((public / "public.key").read_bytes())
    assert key.scope == ClientKey.load(public / "client.key").scope
    assert key.params.encryption is Encryption.PUBLIC_KEY


@pytest.mark.parametrize("params", [CkksParams(), PackedParams()], ids=["ckks", "packed"])
def test_without_wishes_the_scheme_has_its_usual_parameters(cli, tmp_path, params):
    cli.says("new", "job", "--out", tmp_path / "keys", "--scheme", params.scheme)
    assert ClientKey.load(tmp_path / "keys" / "client.key").params == params


def test_parameters_follow_the_wishes(cli, tmp_path):
    wishes = ["--clients", 10, "--range", 0.5, "--precision", 12, "--security", 192, "--scheme", "packed"]
    cli.says("new", "job", "--out", tmp_path / "keys", *wishes)
    params = ServerKey.from_bytes((tmp_path / "keys" / "server.key").read_bytes()).params
    assert params == PackedParams.for_(clients=10, value_range=0.5, precision_bits=12, security=192)


@pytest.fixture
def plans(tmp_path):
    """Files of a plan that encrypts and of one that masks."""
    layout = Layout(("weight",), ((40,),))
    params = PackedParams.for_(clients=3, value_range=2.0, precision_bits=14)
    choices = {
        "encrypted": {
            "encrypted": Selection(layout, layout.mask_of(["weight"]), "all"),
            "encryption": params,
            "weight": Placement.ENCRYPTED,
        },
        "masked": {"masking": Masking.for_(clients=3, clip=1.0)},
    }
    for name, chosen in choices.items():
        save(Plan.of(layout, clients=3, max_weight=9, **chosen), tmp_path / f"{name}.plan")
    return tmp_path


def test_keys_of_a_plan_have_its_parameters(cli, plans):
    cli.says("new", "job", "--plan", plans / "encrypted.plan", "--out", plans / "keys", "--party", "ann")
    plan = load(plans / "encrypted.plan")
    assert ClientKey.load(plans / "keys" / "client.key").params == plan.encryption
    assert plan.encryption != PackedParams()


def test_a_plan_that_only_masks_needs_no_key_of_the_job(cli, plans):
    said = cli.says("new", "job", "--plan", plans / "masked.plan", "--out", plans / "keys", "--party", "ann")
    assert names(plans / "keys") == ["identities/ann.key", "identities/server.key", "roster"]
    assert "client.key" not in said


@pytest.mark.parametrize(
    ("plan", "wishes", "words"),
    [
        ("encrypted.plan", ("--range", 2), ("--plan", "--range")),
        ("encrypted.plan", ("--scheme", "packed"), ("--plan", "--scheme")),
        ("encrypted.plan", ("--public-key",), ("--plan", "--public-key")),
        ("masked.plan", (), ("encrypts nothing", "--party")),
        ("absent.plan", (), ("absent.plan",)),
    ],
    ids=["range", "scheme", "public key", "no parties", "absent"],
)
def test_what_a_plan_contradicts_is_refused(cli, plans, plan, wishes, words):
    cli.refuses("new", "job", "--plan", plans / plan, "--out", plans / "keys", *wishes, words=words)
    assert not (plans / "keys").exists()


def test_the_receipt_says_whom_each_file_is_for(cli, tmp_path):
    said = cli.says("new", "job", "--out", tmp_path / "keys", "--party", "ann", "--server-name", "hub")
    roster = Roster.from_bytes((tmp_path / "keys" / "roster").read_bytes())
    assert roster.server[0] == "hub"
    assert f"compare its hash {roster.hash.hex()}" in said
    for name in names(tmp_path / "keys"):
        assert f"\n  {name} " in said


def test_all_secrets_are_sealed(sealed):
    secret = [sealed / "client.key", *(sealed / "identities").iterdir()]
    assert len(secret) == 3
    for path in secret:
        assert wire.kind_of(path.read_bytes()).startswith("sealed:")
        assert mode(path) == 0o600
    assert ClientKey.load(sealed / "client.key", PASSPHRASE).scope.job == "job 1"
    assert Identity.load(sealed / "identities" / "ann.key", PASSPHRASE).name == "ann"


def test_a_passphrase_is_asked_for_twice_and_not_shown(tmp_path):
    command = ["keys", "new", "job", "--out", str(tmp_path / "keys"), "--ask-passphrase"]
    done = CliRunner().invoke(app, command, input=f"{PASSPHRASE}\n{PASSPHRASE}\n")
    assert done.exit_code == 0
    assert PASSPHRASE not in done.output
    assert ClientKey.load(tmp_path / "keys" / "client.key", PASSPHRASE).scope.job == "job"


def test_nothing_is_written_if_nobody_answers(tmp_path):
    command = ["keys", "new", "job", "--out", str(tmp_path / "keys"), "--ask-passphrase"]
    assert CliRunner().invoke(app, command, input=f"{PASSPHRASE}\n").exit_code == 1
    assert [*tmp_path.iterdir()] == []


def changed(path):
    """What file, and when; reading it changes more than that."""
    found = os.lstat(path)
    return found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns


@pytest.mark.parametrize("taken", ["folder", "file", "broken link"])
def test_what_exists_is_not_overwritten(cli, tmp_path, taken):
    out = tmp_path / "keys"
    {"folder": out.mkdir, "file": out.touch, "broken link": lambda: out.symlink_to("nowhere")}[taken]()
    before = changed(out)
    cli.refuses("new", "job", "--out", out, words=["exists", "choose another"])
    assert changed(out) == before
    assert [*tmp_path.iterdir()] == [out]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--party", "../ann"], ["'../ann'", "slash"]),
        (["--party", "ann", "--server-name", ".hidden"], ["'.hidden'", "dot"]),
        (["--party", "\N{SNOWMAN}" * 67], ["200 bytes"]),
        (["--party", "a\nb"], ["rename"]),
        (["--party", "ann", "--party", "ANN"], ["case"]),
        (["--party", "ann", "--party", "ann"], ["one name", "its own"]),
        (["--party", "server"], ["one name", "its own"]),
        (["--party", "ann", "--party", "bob", "--clients", "1"], ["2 parties", "--clients"]),
        (["--security", "100"], ["100", "128"]),
        (["--range", "-1"], ["value_range", "largest magnitude"]),
        (["--precision", "60"], ["lower precision_bits"]),
        (["--passphrase-file", "nowhere"], ["nowhere"]),
        (["--passphrase-file", "nowhere", "--ask-passphrase"], ["choose one"]),
    ],
    ids=lambda value: " ".join(value).encode("ascii", "replace").decode()[:40],
)
def test_what_cannot_be_made_leaves_nothing(cli, tmp_path, arguments, words):
    cli.refuses("new", "job", "--out", tmp_path / "keys", *arguments, words=words)
    assert [*tmp_path.iterdir()] == []


def test_a_job_needs_a_name(cli, tmp_path):
    cli.refuses("new", "", "--out", tmp_path / "keys", words=["name", "rename"])
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("data", [b"", b"\n", b"two\nlines\n", b"\xff\xfe", b"x" * 1025], ids=len)
def test_a_passphrase_file_holds_one_line(cli, tmp_path, data):
    file = private(tmp_path / "passphrase", data)
    cli.refuses("new", "job", "--out", tmp_path / "keys", "--passphrase-file", file, words=["one line"])
    assert [*tmp_path.iterdir()] == [file]


def test_a_passphrase_that_others_can_read_is_refused(cli, tmp_path):
    (tmp_path / "passphrase").write_text(PASSPHRASE)
    (tmp_path / "passphrase").chmod(0o644)
    command = ["new", "job", "--out", tmp_path / "keys", "--passphrase-file", tmp_path / "passphrase"]
    cli.refuses(*command, words=["chmod 600"])


@pytest.mark.parametrize("parent", ["missing", "a file"])
def test_a_folder_that_cannot_be_made_is_named(cli, tmp_path, parent):
    if parent == "a file":
        (tmp_path / parent).touch()
    before = [*tmp_path.iterdir()]
    cli.refuses("new", "job", "--out", tmp_path / parent / "keys", words=["cannot write", "writable"])
    assert [*tmp_path.iterdir()] == before


@pytest.mark.parametrize("step", [1, 2], ids=["server.key", "roster"])
def test_a_disk_that_fails_half_way_keeps_nothing(cli, tmp_path, monkeypatch, step):
    steps = iter([*[key_folder.write_atomically] * (step - 1), full_disk])
    monkeypatch.setattr(key_folder, "write_atomically", lambda *arguments: next(steps)(*arguments))
    cli.refuses("new", "job", "--out", tmp_path / "keys", "--party", "ann", words=["No space left"])
    assert [*tmp_path.iterdir()] == []


def test_a_folder_made_meanwhile_is_kept(cli, tmp_path, monkeypatch):
    def write(self, folder, passphrase):
        (tmp_path / "keys").mkdir()
        (tmp_path / "keys" / "theirs").touch()

    monkeypatch.setattr(key_folder.KeySet, "write", write)
    cli.refuses("new", "job", "--out", tmp_path / "keys", words=["cannot write"])
    assert names(tmp_path) == ["keys/theirs"]


def test_an_interrupt_keeps_nothing(tmp_path):
    def begin():
        with folders.whole_folder(tmp_path / "keys") as folder:
            (folder / "client.key").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        begin()
    assert [*tmp_path.iterdir()] == []


def full_disk(*_):
    raise OSError(28, "No space left on device")


def test_the_server_gets_what_it_adds_with(cli, shared, tmp_path):
    said = cli.says("export-public", shared / "client.key", "--out", tmp_path / "out")
    assert "no secret" in said
    assert (tmp_path / "out").read_bytes() == (shared / "server.key").read_bytes()


def test_clients_get_a_public_key(cli, public, tmp_path):
    cli.says("export-public", public / "client.key", "--out", tmp_path / "out", "--for", "clients")
    exported = PublicKey.from_bytes((tmp_path / "out").read_bytes())
    assert exported.scope == ClientKey.load(public / "client.key").scope


def test_a_shared_key_has_no_public_key(cli, shared, tmp_path):
    command = ["export-public", shared / "client.key", "--out", tmp_path / "out", "--for", "clients"]
    cli.refuses(*command, words=["client.key", "--public-key"])
    assert not (tmp_path / "out").exists()


def test_an_export_overwrites_nothing(cli, shared, tmp_path):
    (tmp_path / "out").write_text("theirs")
    cli.refuses("export-public", shared / "client.key", "--out", tmp_path / "out", words=["exists"])
    assert (tmp_path / "out").read_text() == "theirs"


def test_a_sealed_key_is_exported_with_its_passphrase(cli, sealed, passphrase_file, tmp_path):
    command = ["export-public", sealed / "client.key", "--out", tmp_path / "out"]
    cli.refuses(*command, words=["sealed", "passphrase"])
    cli.says(*command, "--passphrase-file", passphrase_file)
    assert (tmp_path / "out").read_bytes() == (sealed / "server.key").read_bytes()


def test_only_a_client_key_is_exported(cli, shared, tmp_path):
    path = private(tmp_path / "key", (shared / "server.key").read_bytes())
    cli.refuses("export-public", path, "--out", tmp_path / "out", words=["key: ", "he-client-key"])


def test_the_command_of_the_shell(tmp_path):
    def shell(*arguments):
        command = [sys.executable, "-m", "gradveil", "keys", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603

    done = shell("new", "job", "--out", "keys", "--party", "ann")
    assert (done.returncode, done.stderr) == (0, "")
    assert mode(tmp_path / "keys" / "client.key") == 0o600
    again = shell("new", "job", "--out", "keys")
    assert (again.returncode, again.stdout, again.stderr.count("\n")) == (2, "", 1)
