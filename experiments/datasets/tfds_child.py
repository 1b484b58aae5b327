"""Reads or downloads data with tensorflow-datasets: a script, run as a child.

tensorflow-datasets decodes with TensorFlow, which imports Keras and takes all memory
of a GPU. In the process that trains, the one would fix the backend and the other
would starve it.

    python tfds_child.py read FOLDER            prints the reviews as JSON
    python tfds_child.py download FOLDER        prepares the reviews under FOLDER
    python tfds_child.py images FOLDER FILE     writes images and labels to an .npz
"""

import json
import sys
from collections.abc import Callable

import numpy as np
import tensorflow_datasets as tfds


def read(folder: str) -> None:
    builder = tfds.builder_from_directory(folder)
    reviews = {}
    for split in ("train", "test"):
        examples = tfds.as_numpy(builder.as_dataset(split=split, batch_size=-1))
        texts = [text.decode("utf-8") for text in examples["text"]]
        reviews[split] = list(zip(texts, examples["label"].tolist(), strict=True))
    json.dump(reviews, sys.stdout)


def download(folder: str) -> None:
    builder = tfds.builder("imdb_reviews/plain_text:1.0.0", data_dir=folder)
    # Its bucket would be asked first, also where nothing but the source is reachable.
    config = tfds.download.DownloadConfig(try_download_gcs=False)
    builder.download_and_prepare(download_config=config)


def images(folder: str, path: str) -> None:
    builder = tfds.builder_from_directory(folder)
    arrays = {}
    for split in ("train", "test"):
        examples = tfds.as_numpy(builder.as_dataset(split=split, batch_size=-1))
        arrays[f"x_{split}"] = examples["image"][..., 0]
        arrays[f"y_{split}"] = examples["label"]
    np.savez(path, **arrays)


if __name__ == "__main__":
    _, task, *given = sys.argv
    tasks: dict[str, Callable[..., None]] = {
        "read": read,
        "download": download,
        "images": images,
    }
    try:
        tasks[task](*given)
    except Exception as error:  # noqa: BLE001 - the parent reports whatever it was
        sys.exit(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
