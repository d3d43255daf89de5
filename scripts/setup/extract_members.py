"""Copy members out of a wheel: extract_members.py <wheel> <from> <to> [<from> <to> ...]."""

import shutil
import sys
import zipfile


def main(wheel: str, pairs: list[str]) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for member, target in zip(pairs[::2], pairs[1::2], strict=True):
            with archive.open(member) as source, open(target, "wb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)


main(sys.argv[1], sys.argv[2:])
