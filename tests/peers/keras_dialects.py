"""One model in every dress that a file may wear: stored, named, worded and packed in ways that real Keras reads, or should. See tests/peers/run.

    keras_dialects.py DIR    NAME.h5, NAME.keras or NAME.weights.h5 (with NAME.arch.json), and NAME.ref.h5 (x, y, layers/NAME)

Each file is opened by this Keras first, whose answer is the reference; what this Keras does not open is left out, and said so.
"""
import collections
import io
import json
import os
import sys
import zipfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import h5py
import keras
import numpy as np

from keras import layers as L
from keras import models
from keras_corpus import every_output, functional, randomise, sequential, start, three

version = "Keras " + keras.__version__


def plain():
    return sequential((12, 11, 3), L.Conv2D(6, 3, activation="relu", name="first"), L.BatchNormalization(name="norm"),
                      L.MaxPooling2D(2, padding="same", name="pool"), L.Conv2D(5, (2, 3), use_bias=False, padding="same", name="second"),
                      L.ReLU(name="rectify"), L.Flatten(name="flat"), L.Dropout(0.5, name="drop"), L.Dense(7, activation="tanh", name="hidden"),
                      L.Dense(4, activation="softmax", name="scores"), name="plain")


def nested():
    base = models.Sequential([start((12, 11, 3)), L.Conv2D(4, 3, name="inner"), L.BatchNormalization(name="inner_norm")], name="base")
    return functional((12, 11, 3), base, L.AveragePooling2D(2, name="mean"), L.Flatten(name="flat"), L.Dense(3, name="scores"), name="whole")


# --- numbers and names in HDF5 ---


def copy(source, to, data=None, attribute=None):
    """A group as it is; `data(to, name, dataset)` and `attribute(object, name, value)` say how its parts are written."""
    for name, value in source.attrs.items():
        (attribute or plain_attribute)(to, name, value)
    for name, item in source.items():
        if isinstance(item, h5py.Group):
            copy(item, to.create_group(name), data, attribute)
            continue
        made = data(to, name, item) if data and item.shape is not None else to.create_dataset(name, data=item[()])
        for key, value in item.attrs.items():
            (attribute or plain_attribute)(made, key, value)


def plain_attribute(to, name, value):
    to.attrs[name] = value


def as_options(**options):
    """Every data set that has a side written with those options of h5py."""
    def write(to, name, item):
        if item.shape == () or not item.size:
            return to.create_dataset(name, data=item[()])
        return to.create_dataset(name, data=item[()], **options)
    return write


def as_type(kind):
    def write(to, name, item):
        return to.create_dataset(name, data=item[()].astype(kind) if item.dtype.kind == "f" else item[()])
    return write


def as_chunks(to, name, item):
    """Chunks that do not divide the sides, in a data set that may grow."""
    if item.shape == () or not item.size:
        return to.create_dataset(name, data=item[()])
    return to.create_dataset(name, data=item[()], chunks=tuple(max(1, (2 * n) // 3) for n in item.shape),
                             maxshape=(None,) * item.ndim, compression="gzip", compression_opts=9, shuffle=True, fletcher32=True)


def as_layout(layout, early=False):
    def write(to, name, item):
        value = item[()]
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
            return to.create_dataset(name, data=value)
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_layout(layout)
        if early:
            properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        made = h5py.h5d.create(to.id, name.encode(), h5py.h5t.py_create(value.dtype), h5py.h5s.create_simple(value.shape), properties)
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, np.ascontiguousarray(value))
        return h5py.Dataset(made)
    return write


def unwritten_zeros(to, name, item):
    """What is all one number stands nowhere: it is the data set's fill value."""
    value = item[()]
    if isinstance(value, np.ndarray) and value.ndim and value.size and value.dtype.kind == "f" and np.ptp(value) == 0:
        return to.create_dataset(name, shape=value.shape, dtype=value.dtype, fillvalue=value.flat[0], chunks=value.shape)
    return to.create_dataset(name, data=value)


def committed(to, name, item):
    """Of a type that has a name in the file."""
    root = to.file
    if "float" not in root.get("types", {}):
        root["types/float"] = np.dtype("<f4")
    value = item[()]
    if getattr(value, "dtype", None) != np.float32:
        return to.create_dataset(name, data=value)
    return to.create_dataset(name, data=value, dtype=root["types/float"])


def names_as(kind):
    """Lists of names and single texts as that type of string."""
    def write(to, name, value):
        if isinstance(value, np.ndarray) and value.dtype.kind in "SO" and value.size:
            texts = [v if isinstance(v, bytes) else v.encode() for v in value.ravel()]
            width = max(len(t) for t in texts)
            if kind == "variable":
                to.attrs.create(name, [t.decode() for t in texts], dtype=h5py.string_dtype("utf-8"))
            elif kind == "variable ascii":
                to.attrs.create(name, [t.decode() for t in texts], dtype=h5py.string_dtype("ascii"))
            elif kind == "fixed utf-8":
                to.attrs.create(name, np.array(texts), dtype=h5py.string_dtype("utf-8", width + 5))
            else:
                padding = {"null padded": h5py.h5t.STR_NULLPAD, "terminated": h5py.h5t.STR_NULLTERM}[kind]
                text = h5py.h5t.C_S1.copy()
                text.set_size(width + (kind == "terminated"))
                text.set_strpad(padding)
                space = h5py.h5s.create_simple((len(texts),))
                made = h5py.h5a.create(to.id, name.encode(), text, space)
                made.write(np.array(texts, "S%d" % (width + (kind == "terminated"))))
        elif isinstance(value, (str, bytes)) and len(value) < 60000:
            text = value.encode() if isinstance(value, str) else value
            if kind in ("fixed utf-8", "null padded", "terminated"):
                to.attrs[name] = np.bytes_(text)
            else:
                to.attrs.create(name, text.decode(), dtype=h5py.string_dtype("ascii" if kind == "variable ascii" else "utf-8"))
        else:
            to.attrs[name] = value
    return write


STORED = {
    "chunked": dict(data=as_options(chunks=True)),
    "chunked_odd": dict(data=as_chunks),
    "gzip": dict(data=as_options(compression="gzip")),
    "shuffled": dict(data=as_options(compression="gzip", shuffle=True)),
    "summed": dict(data=as_options(fletcher32=True)),
    "extendible": dict(data=lambda to, name, item: as_options(maxshape=(None,) * max(1, item.ndim))(to, name, item)),
    "half": dict(data=as_type("<f2")),
    "double": dict(data=as_type("<f8")),
    "big_endian": dict(data=as_type(">f4")),
    "big_endian_double": dict(data=as_type(">f8")),
    "compact": dict(data=as_layout(h5py.h5d.COMPACT)),
    "early": dict(data=as_layout(h5py.h5d.CONTIGUOUS, early=True)),
    "fill_value": dict(data=unwritten_zeros),
    "named_type": dict(data=committed),
    "names_variable": dict(attribute=names_as("variable")),
    "names_ascii": dict(attribute=names_as("variable ascii")),
    "names_fixed": dict(attribute=names_as("fixed utf-8")),
    "names_padded": dict(attribute=names_as("null padded")),
    "names_terminated": dict(attribute=names_as("terminated")),
    "newest": dict(file=dict(libver=("v110", "v110"))),
    "v108": dict(file=dict(libver=("v108", "v108"))),
    "v110": dict(file=dict(libver=("earliest", "v110"))),
    "user_block": dict(file=dict(userblock_size=512)),
    "user_block_large": dict(file=dict(userblock_size=8192)),
    "ordered": dict(file=dict(track_order=True)),
    "ordered_newest": dict(file=dict(track_order=True, libver=("v110", "v110")), data=as_chunks),
    "pages": dict(file=dict(fs_strategy="page", fs_persist=True, fs_page_size=4096)),
}


def restored(source, to, file=None, **how):
    with h5py.File(source, "r") as old, h5py.File(to, "w", **(file or {})) as new:
        copy(old, new, **how)


def crowded(old, new):
    """Much else in the file that is not the model's."""
    copy(old, new)
    new.attrs["author"] = "somebody"
    new.attrs["notes"] = np.arange(10)
    new.create_group("optimizer_weights/training").create_dataset("iterations", data=7)
    new.create_dataset("history/accuracy", data=np.arange(5.0))
    new["link"] = h5py.SoftLink("/nowhere")
    for i in range(300):
        new.create_group("junk/%03d" % i).attrs["n"] = i


def linked(old, new):
    """Data sets that have a second name."""
    copy(old, new)
    found = []
    new.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) and item.size else None)
    for i, name in enumerate(found):
        new["second/%d" % i] = new[name]


def soft(old, new):
    """Data sets that are reached by a link inside of the file."""
    copy(old, new)
    found = []
    new.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) and item.size else None)
    for i, name in enumerate(found):
        new.move(name, "moved/%d" % i)
        new[name] = h5py.SoftLink("/moved/%d" % i)


ARRANGED = {"crowded": crowded, "linked": linked, "soft_links": soft}


# --- words of the architecture ---


def walk(value, change):
    """Every object of the architecture, changed from the inside out."""
    if isinstance(value, dict):
        return change({key: walk(inner, change) for key, inner in value.items()})
    if isinstance(value, list):
        return [walk(inner, change) for inner in value]
    return value


def of_layers(change):
    """Only the configs of layers."""
    def each(entry):
        config, kind = entry.get("config"), entry.get("class_name")
        if isinstance(config, dict) and "name" in config and "dtype" in config and kind not in ("Sequential", "Functional", "Model"):
            entry = dict(entry, config=change(dict(config), kind))
        return entry
    return lambda tree: walk(tree, each)


def dropped(config, kind):
    """Only what Keras cannot do without."""
    needed = {"name", "filters", "kernel_size", "units", "activation", "padding", "pool_size", "use_bias", "strides", "rate", "batch_shape",
              "batch_input_shape", "max_value", "negative_slope", "layers"}
    return {key: value for key, value in config.items() if key in needed}


def bare(config, kind):
    """What stands at its usual value is left out too."""
    usual = {"strides": [1, 1], "padding": "valid", "use_bias": True, "activation": "linear", "max_value": None, "negative_slope": 0.0}
    return {key: value for key, value in dropped(config, kind).items() if usual.get(key, 0) != value or (kind.endswith("2D") and key == "strides" and "Pool" in kind)}


def nulls(config, kind):
    for key in ("kernel_initializer", "bias_initializer", "kernel_regularizer", "kernel_constraint", "beta_initializer", "gamma_initializer",
                "moving_mean_initializer", "moving_variance_initializer", "activity_regularizer", "data_format", "noise_shape", "seed", "dtype"):
        if key in config and not (key == "dtype" and kind == "InputLayer"):
            config[key] = None
    return config


def single_numbers(config, kind):
    for key in ("kernel_size", "strides", "pool_size", "dilation_rate"):
        if isinstance(config.get(key), (list, tuple)) and len(set(config[key])) == 1:
            config[key] = config[key][0]
    return config


def plain_words(config, kind):
    """dtype, initialisers and activations as Keras 2 has them: words."""
    if isinstance(config.get("dtype"), dict):
        config["dtype"] = config["dtype"]["config"]["name"]
    for key in list(config):
        if key.endswith("initializer") and isinstance(config[key], dict):
            config[key] = config[key]["class_name"]
    return config


def activation_objects(config, kind):
    """As Keras 3 writes functions that are no words."""
    if isinstance(config.get("activation"), str) and keras.__version__.startswith("3"):
        config["activation"] = {"module": "builtins", "class_name": "function", "config": config["activation"], "registered_name": "function"}
    return config


def activation_layers(config, kind):
    """A layer in the place of a function."""
    kinds = {"relu": ("ReLU", {"name": "re_lu_of_" + config["name"]}), "softmax": ("Softmax", {"axis": -1})}
    word = config.get("activation")
    if word in kinds:
        name, inner = kinds[word]
        config["activation"] = {"module": "keras.layers", "class_name": name, "config": inner, "registered_name": None}
    return config


def axis_list(config, kind):
    if kind == "BatchNormalization":
        config["axis"] = [config["axis"][0] if isinstance(config["axis"], list) else config["axis"]]
    return config


def axis_positive(config, kind):
    if kind == "BatchNormalization":
        config["axis"] = 3
    return config


def regularised(config, kind):
    if "kernel_regularizer" in config:
        config["kernel_regularizer"] = {"module": "keras.regularizers", "class_name": "L2", "config": {"l2": 0.0005}, "registered_name": None}
        config["kernel_constraint"] = {"module": "keras.constraints", "class_name": "MaxNorm", "config": {"max_value": 3, "axis": 0},
                                       "registered_name": None}
    return config


def stale_shapes(config, kind):
    """Layers in the middle that remember other inputs."""
    if kind != "InputLayer" and not three:
        config["batch_input_shape"] = [None, 99, 98, 97]
    return config


def frozen(config, kind):
    if kind != "InputLayer":
        config["trainable"] = False
    return config


WORDED = {
    "keys_backwards": lambda tree: walk(tree, lambda entry: dict(reversed(list(entry.items())))),
    "keys_sorted": lambda tree: walk(tree, lambda entry: dict(sorted(entry.items()))),
    "defaults_left_out": of_layers(dropped),
    "barest": of_layers(bare),
    "nulls": of_layers(nulls),
    "single_numbers": of_layers(single_numbers),
    "plain_words": of_layers(plain_words),
    "activation_objects": of_layers(activation_objects),
    "activation_layers": of_layers(activation_layers),
    "axis_list": of_layers(axis_list),
    "axis_positive": of_layers(axis_positive),
    "regularised": of_layers(regularised),
    "frozen": of_layers(frozen),
    "no_registered_names": lambda tree: walk(tree, lambda entry: {k: v for k, v in entry.items() if k not in ("registered_name", "build_config")}),
    "no_modules": lambda tree: walk(tree, lambda entry: {k: v for k, v in entry.items() if k not in ("module", "registered_name", "build_config")}),
    "modules_of_keras_2": lambda tree: walk(tree, lambda entry: dict(entry, module=entry["module"].replace("keras.src", "keras")) if isinstance(entry.get("module"), str) else entry),
    "package_names": lambda tree: walk(tree, lambda entry: dict(entry, registered_name="Functional" if entry.get("class_name") == "Functional" else entry.get("registered_name")) if "registered_name" in entry else entry),
    "stale_shapes": of_layers(stale_shapes),
    "backend_told": lambda tree: dict(tree, keras_version="2.4.0", backend="tensorflow"),
}
TEXTS = {
    "indented": dict(indent=4),
    "tight": dict(separators=(",", ":")),
    "not_ascii": dict(ensure_ascii=False),
}


def replaced_config(source, to, change, **text):
    """A full model in HDF5 with another text of its architecture."""
    with h5py.File(source, "r") as old, h5py.File(to, "w") as new:
        copy(old, new)
        new.attrs["model_config"] = json.dumps(change(json.loads(old.attrs["model_config"])), **text)


# --- the zip around ---


def members(path):
    with zipfile.ZipFile(path) as archive:
        return collections.OrderedDict((name, archive.read(name)) for name in archive.namelist())


def rezipped(path, parts, method=zipfile.ZIP_STORED, **options):
    with zipfile.ZipFile(path, "w", method, **options) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def reworked(content, work):
    """The bytes of an HDF5 file after work(old, new)."""
    out = io.BytesIO()
    with h5py.File(io.BytesIO(content), "r") as old, h5py.File(out, "w") as new:
        work(old, new)
    return out.getvalue()


def streamed(path, parts):
    """Sizes and sums behind the members, as a program writes that cannot go back."""
    class Pipe(io.RawIOBase):
        def __init__(self):
            self.bytes = b""

        def writable(self):
            return True

        def write(self, more):
            self.bytes += bytes(more)
            return len(more)
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    with open(path, "wb") as f:
        f.write(pipe.bytes)


def large_headers(path, parts):
    """With the headers of large zips though it is small."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            with archive.open(name, "w", force_zip64=True) as f:
                f.write(content)


def zips(path, parts):
    """Pairs of a name and what writes it."""
    yield "zip_stored", lambda to: rezipped(to, parts)
    yield "zip_deflated", lambda to: rezipped(to, parts, zipfile.ZIP_DEFLATED, compresslevel=9)
    yield "zip_backwards", lambda to: rezipped(to, collections.OrderedDict(reversed(list(parts.items()))), zipfile.ZIP_DEFLATED)
    yield "zip_streamed", lambda to: streamed(to, parts)
    yield "zip_large_headers", lambda to: large_headers(to, parts)
    yield "zip_crowded", lambda to: rezipped(to, dict(parts, **{"assets/words.txt": b"a\nb\n", "README.md": b"# a model", "assets/": b""}))
    yield "zip_no_metadata", lambda to: rezipped(to, {name: content for name, content in parts.items() if name != "metadata.json"})

    def commented(to):
        rezipped(to, parts)
        with zipfile.ZipFile(to, "a") as archive:
            archive.comment = b"made on a Tuesday" * 100
    yield "zip_commented", commented

    weights = "model.weights.h5"
    for name in ("chunked_odd", "half", "big_endian", "soft_links", "user_block"):
        how = STORED.get(name)
        work = (lambda old, new, how=how: copy(old, new, how.get("data"), how.get("attribute"))) if how else ARRANGED[name]
        yield "zip_weights_" + name, lambda to, work=work: rezipped(to, dict(parts, **{weights: reworked(parts[weights], work)}))


def of_config(parts, change, **text):
    return dict(parts, **{"config.json": json.dumps(change(json.loads(parts["config.json"])), **text).encode()})


# --- all of them ---


class Maker:
    def __init__(self, directory, model, x):
        self.directory, self.model, self.x, self.failed = directory, model, x, 0
        self.y, self.outputs = every_output(model, x)

    def opened(self, path):
        if not path.endswith(".weights.h5"):
            return models.load_model(path, compile=False)
        twin = models.model_from_json(self.model.to_json())
        twin.load_weights(path)
        return twin

    def make(self, name, ending, write):
        """write(path), and what Keras says of that file."""
        path = os.path.join(self.directory, name + ending)
        try:
            write(path)
            y, outputs = every_output(self.opened(path), self.x)
            loss = float(np.max(np.abs(np.asarray(y) - np.asarray(self.y))))
            if loss > 2e-2:
                raise ValueError("answers otherwise than the model it was made of: %g" % loss)
        except Exception as error:
            print("# %s does not open %s%s: %s" % (version, name, ending, repr(error)[:160].replace("\n", " ")), flush=True)
            if os.path.exists(path):
                os.rename(path, os.path.join(self.directory, "unread-" + name + ending))
            return
        if ending == ".weights.h5":
            with open(os.path.join(self.directory, name + ".arch.json"), "w") as f:
                f.write(self.model.to_json())
        with h5py.File(os.path.join(self.directory, name + ".ref.h5"), "w") as f:
            f["x"], f["y"] = self.x, np.asarray(y, "float32")
            for layer, value in outputs.items():
                f["layers/" + layer] = np.asarray(value, "float32")


def main(directory):
    random = np.random.RandomState(7)
    x = random.uniform(-1, 1, (2, 12, 11, 3)).astype("float32")
    for make in plain, nested:
        model = make()
        randomise(model, random)
        if make is plain:
            weights = model.get_layer("hidden").get_weights()
            model.get_layer("hidden").set_weights([weights[0], np.full_like(weights[1], 0.25)])  # a bias for fill_value
        maker = Maker(directory, model, x)
        base = os.path.join(directory, "base_" + make.__name__)
        bases = [ending for ending in (".h5", ".keras", ".weights.h5")]
        model.save(base + ".h5")
        model.save(base + ".keras")
        model.save_weights(base + ".weights.h5")
        prefix = make.__name__ + "_"
        for name, how in STORED.items():
            maker.make(prefix + name, ".h5", lambda to, how=how: restored(base + ".h5", to, **how))
            maker.make(prefix + "weights_" + name, ".weights.h5", lambda to, how=how: restored(base + ".weights.h5", to, **how))
        for name, work in ARRANGED.items():
            for kind, ending in (("", ".h5"), ("weights_", ".weights.h5")):
                def write(to, work=work, ending=ending):
                    with h5py.File(base + ending, "r") as old, h5py.File(to, "w") as new:
                        work(old, new)
                maker.make(prefix + kind + name, ending, write)
        parts = members(base + ".keras")
        for name, change in WORDED.items():
            maker.make(prefix + name, ".h5", lambda to, change=change: replaced_config(base + ".h5", to, change))
            maker.make(prefix + "zip_" + name, ".keras", lambda to, change=change: rezipped(to, of_config(parts, change)))
        for name, text in TEXTS.items():
            maker.make(prefix + "text_" + name, ".h5", lambda to, text=text: replaced_config(base + ".h5", to, lambda tree: tree, **text))
            maker.make(prefix + "zip_text_" + name, ".keras", lambda to, text=text: rezipped(to, of_config(parts, lambda tree: tree, **text)))
        for name, write in zips(base + ".keras", parts):
            maker.make(prefix + name, ".keras", write)
        for ending in bases:
            os.remove(base + ending)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
