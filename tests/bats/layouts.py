"""OCI image layouts beneath DIR: `secret`; `thief`, whose config names secret's layer while its blob is
another; `long`, whose config is just short enough to be read, and `longest`, one byte more."""
import gzip
import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path

DOCUMENT_MAX = 4 << 20


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def tar(name):
    b = io.BytesIO()
    with tarfile.open(fileobj=b, mode="w") as t:
        entry = tarfile.TarInfo(name)
        entry.size = len(name)
        t.addfile(entry, io.BytesIO(name.encode()))
    return b.getvalue()


def layout(where, layer, diff_id, config_size=0):
    blobs = where / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def blob(data, kind):
        (blobs / digest(data)[7:]).write_bytes(data)
        return {"mediaType": "application/vnd.oci.image." + kind, "digest": digest(data), "size": len(data)}

    config = {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": [diff_id]}, "config": {"Labels": {"a": ""}}}
    config["config"]["Labels"]["a"] = "x" * max(0, config_size - len(json.dumps(config)))
    manifest = {"schemaVersion": 2, "config": blob(json.dumps(config).encode(), "config.v1+json"), "layers": [blob(layer, "layer.v1.tar+gzip")]}
    index = {"schemaVersion": 2, "manifests": [blob(json.dumps(manifest).encode(), "manifest.v1+json")]}
    (where / "index.json").write_text(json.dumps(index))
    (where / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


out = Path(sys.argv[1])
secret, other = tar("secret"), tar("other")
layout(out / "secret", gzip.compress(secret), digest(secret))
layout(out / "thief", gzip.compress(other), digest(secret))
layout(out / "long", gzip.compress(other), digest(other), DOCUMENT_MAX)
layout(out / "longest", gzip.compress(other), digest(other), DOCUMENT_MAX + 1)
