"""What several tests of the data sets need."""

import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from experiments.core.errors import UserError

DATA = Path(
    os.environ.get("SLIM_KERAS_DATA") or Path(__file__).parents[4] / "shared" / "data"
)


def real_data(*patterns):
    """Marks tests of real files; each pattern must match one in the folder."""
    missing = [pattern for pattern in patterns if not list(DATA.glob(pattern))]
    reason = f"{DATA} has no {' or '.join(missing)} (SLIM_KERAS_DATA names the folder)"
    return [pytest.mark.real_data, pytest.mark.skipif(bool(missing), reason=reason)]


def write_folder(place, contents):
    """Files by their names below the place."""
    for name, content in contents.items():
        file = place / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def write_archive(path, contents):
    """The same in an archive, whose kind its name tells."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
            for name, content in contents.items():
                zipped.writestr(name, content)
        return
    with tarfile.open(path, f"w:{path.suffix[1:]}") as archive:
        for name, content in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def refused(load, name, place, match):
    """The error is one line that names the place, for the name as for `auto`.

    Nothing is cached.
    """
    for data in (name, "auto"):
        with pytest.raises(UserError, match=match) as caught:
            load(data, place)
        assert str(place) in str(caught.value)
        assert "\n" not in str(caught.value)
        assert not Path(os.environ["XDG_CACHE_HOME"]).exists()
