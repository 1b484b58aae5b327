"""IAM-OnDB in its published layout, written small, and what can be wrong with it."""

import numpy as np
import pytest

from experiments.core.errors import UserError
from experiments.datasets import handwriting
from experiments.datasets.handwriting import iam_ondb

XML = """<?xml version="1.0" encoding="ISO-8859-1"?>
<WhiteboardCaptureSession>
  <WhiteboardDescription>
    <SensorLocation corner="top_left"/>
    <DiagonallyOppositeCoords x="6512" y="1376"/>
    <VerticallyOppositeCoords x="966" y="1376"/>
    <HorizontallyOppositeCoords x="6512" y="787"/>
  </WhiteboardDescription>
  <StrokeSet>{strokes}
  </StrokeSet>
</WhiteboardCaptureSession>
"""
STROKE = """
    <Stroke colour="black" start_time="769.05" end_time="769.64">
      <Point x="1073" y="1058" time="769.05"/>
      <Point x="1072" y="1085" time="769.07"/>
      <Point x="1215" y="1353" time="769.63"/>
    </Stroke>"""
FORMS = {  # by part; a form belongs to a writer's session a01-000
    "trainset.txt": {"a01-000u": ["By Trevor", "A move"], "b02-031z": ["to stop"]},
    "testset_v.txt": {"a01-001": ["Mr. é"]},
    "testset_f.txt": {"h08-003x": ["Gaitskell", "from nominating", "any"]},
    "testset_t.txt": {"k01-001": ["never read"]},
}


def folder_of(root, kind, form):
    session = form.rstrip("xuz")
    return root / kind / session.split("-")[0] / session


@pytest.fixture
def root(tmp_path):
    for name, forms in FORMS.items():
        place = tmp_path / "task1"
        place.mkdir(exist_ok=True)
        (place / name).write_text("".join(f" {form}\n" for form in forms))
        for form, lines in forms.items():
            ascii_folder = folder_of(tmp_path, "ascii", form)
            strokes_folder = folder_of(tmp_path, "lineStrokes", form)
            for folder in (ascii_folder, strokes_folder):
                folder.mkdir(parents=True, exist_ok=True)
            text = "OCR:\n\nBY TREVOR\n\n\nCSR:\n\n" + "\n".join(lines) + "\n\n"
            (ascii_folder / f"{form}.txt").write_text(text, "latin-1")
            for number in range(1, len(lines) + 1):
                path = strokes_folder / f"{form}-{number:02d}.xml"
                path.write_text(XML.format(strokes=STROKE * (number + 1)))
    return tmp_path


def test_lines_with_their_strokes(root):
    parts, unpaired = iam_ondb.find(root).read()
    texts = {
        part: ["".join(text) for _, text in lines] for part, lines in parts.items()
    }
    assert texts == {
        "train": ["By Trevor", "A move", "to stop"],
        "val": ["Mr. é"],
        "test": ["Gaitskell", "from nominating", "any"],
    }
    assert unpaired == 0
    ink, _ = parts["test"][1]
    assert len(ink) == 3
    expected = [[1073, 1058, 769050], [1072, 1085, 769070], [1215, 1353, 769630]]
    np.testing.assert_allclose(ink[1], expected)


def test_as_a_data_set(root):
    found = handwriting.load("iam_ondb", root.parent / root.name, count=1)
    assert found.name == "iam_ondb"
    assert [len(x) for x, _ in found.parts.values()] == [3, 1, 3]
    _, y = found.parts["train"]
    assert "".join(found.labels[n] for n in y[1] if n) == "A move"
    assert "é" in found.labels
    assert "0 lines without strokes or text" in found.origin


def test_lines_without_a_partner_are_counted(root):
    folder = folder_of(root, "lineStrokes", "a01-000u")
    (folder / "a01-000u-01.xml").rename(folder / "a01-000u-03.xml")
    (folder / "a01-000u-02 (copy).xml").write_text("left by a file manager")
    parts, unpaired = iam_ondb.find(root).read()
    assert unpaired == 2  # a text without strokes, strokes without a text
    assert ["".join(text) for _, text in parts["train"]] == ["A move", "to stop"]
    for file in folder_of(root, "lineStrokes", "a01-001").iterdir():
        file.unlink()
    with pytest.raises(UserError, match=r"testset_v\.txt names no line that has"):
        iam_ondb.find(root).read()


@pytest.mark.parametrize(
    ("strokes", "match"),
    [
        ("", "has no StrokeSet with a Stroke"),
        ("<Stroke>", r"cannot be read \(mismatched tag"),
        ('<Stroke><Point x="1" y="2"/></Stroke>', "has no x, y and time"),
        ('<Stroke><Point x="1" y="b" time="3"/></Stroke>', 'y="b".*has no x, y'),
    ],
    ids=["none", "broken", "timeless", "word"],
)
def test_damaged_strokes(strokes, match, root):
    path = folder_of(root, "lineStrokes", "b02-031z") / "b02-031z-01.xml"
    path.write_text(XML.format(strokes=strokes))
    with pytest.raises(UserError, match=match) as caught:
        iam_ondb.find(root).read()
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_a_number_that_is_none(value, root):
    path = folder_of(root, "lineStrokes", "b02-031z") / "b02-031z-01.xml"
    path.write_text(XML.format(strokes=STROKE.replace('"1085"', f'"{value}"')))
    with pytest.raises(UserError, match=r"b02-031z-01\.xml: .*time must be numbers"):
        handwriting.load("iam_ondb", root)


def test_damaged_lists_and_texts(root):
    (root / "task1" / "testset_v.txt").write_text("a01\n")
    with pytest.raises(
        UserError, match="'a01' is not the name of a form like a01-000u"
    ):
        iam_ondb.find(root).read()
    (root / "task1" / "testset_v.txt").unlink()
    with pytest.raises(UserError, match=r"testset_v\.txt cannot be read \(No such"):
        iam_ondb.find(root).read()
    text = folder_of(root, "ascii", "a01-000u") / "a01-000u.txt"
    text.write_text("By Trevor\n")
    with pytest.raises(UserError, match=r"a01-000u\.txt has no line CSR:"):
        iam_ondb.find(root).read()
    text.unlink()
    with pytest.raises(UserError, match=r"a01-000u\.txt cannot be read"):
        iam_ondb.find(root).read()
