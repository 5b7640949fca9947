"""Fetch a source archive from the package index without running anything in it.

`pip download` builds a source archive's metadata, that is, it runs the archive's own setup.py.
Here pip only finds the archive, with the user's own index, proxy and certificate settings, and
its session brings the bytes. pip promises nothing about its inner parts: tried with 23.2 and 26.3.
Run as `python -m workers.sdist_download PACKAGE VERSION FOLDER`.
"""

import sys
from pathlib import Path
from typing import Any

MAX_BYTES = 200_000_000


def download(package: str, version: str, folder: Path) -> None:
    """Write the .tar.gz of one version into `folder`; exit with a sentence when there is none."""
    from pip._internal.commands import create_command  # noqa: PLC0415  slow, and only needed here

    command: Any = create_command("download")
    options, _ = command.parse_args(["--no-binary=:all:", "--no-input", f"{package}=={version}"])
    with command.main_context():
        session = command.get_default_session(options)
        finder = command._build_package_finder(options, session, ignore_requires_python=True)  # noqa: SLF001  see above
        links = [c.link for c in finder.find_all_candidates(package) if str(c.version) == version]
        if not links:
            sys.exit(f"the index has no source archive of {package} {version}")
        _save(session, links[-1], folder)


def _save(session: Any, link: Any, folder: Path) -> None:  # noqa: ANN401  pip's own types
    # "identity": else a server may hand out the archive with its gzip layer taken off.
    headers = {"Accept-Encoding": "identity"}
    written = 0
    with session.get(link.url_without_fragment, headers=headers, stream=True) as answer:
        answer.raise_for_status()
        with (folder / Path(link.filename).name).open("wb") as file:
            for part in answer.iter_content(1 << 16):
                written += file.write(part)
                if written > MAX_BYTES:
                    sys.exit(f"{link.filename} is larger than {MAX_BYTES:,} bytes")


if __name__ == "__main__":
    download(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
