"""What hub-cache.check.ts asks of huggingface_hub: one command per process, since the library reads its settings once."""

import json
import os
import sys
import warnings

warnings.simplefilter("error")  # a cache that looks damaged is warned of

import huggingface_hub
from huggingface_hub import hf_hub_download, scan_cache_dir, snapshot_download, try_to_load_from_cache

NO_EXIST = huggingface_hub._CACHED_NO_EXIST


def read(path):
    with open(path, "rb") as file:
        return file.read()


def main(command, repository, *arguments):
    if command == "version":
        return huggingface_hub.__version__
    if command == "snapshot":  # [revision, pattern...]
        revision, *patterns = arguments
        return snapshot_download(repository, revision=revision, allow_patterns=patterns or None)
    if command == "file":  # revision, file
        revision, file = arguments
        return hf_hub_download(repository, file, revision=revision)
    if command == "cached":  # revision, file
        revision, file = arguments
        found = try_to_load_from_cache(repository, file, revision=revision)
        return "no such file" if found is NO_EXIST else found
    if command == "scan":
        info = scan_cache_dir()
        (repo,) = info.repos
        return {
            "id": repo.repo_id,
            "warnings": [str(warning) for warning in info.warnings],
            "size": repo.size_on_disk,
            "refs": {name: revision.commit_hash for name, revision in repo.refs.items()},
            "files": sorted(
                [str(file.file_path.relative_to(revision.snapshot_path)), file.blob_path.name]
                for revision in repo.revisions
                for file in revision.files
            ),
        }
    raise SystemExit(f"unknown command {command}")


print(json.dumps(main(*sys.argv[1:])))
