#!/usr/bin/python3
"""What `kustomize build FOLDER` prints, for the parts of kustomize that deploy/kubernetes uses.

What must hold here: anything else in a kustomization is an error, never passed over. The parts: resources, components,
patches (strategic merge or JSON 6902, inline or by path, with a target), images (newName, newTag). needs: python3-yaml,
python3-jsonpatch.
"""
import pathlib
import sys

import jsonpatch
import yaml

KNOWN = {"apiVersion", "kind", "resources", "components", "patches", "images"}
# The lists of a pod that strategic merge patches merge by a key (kubernetes' api/openapi-spec: x-kubernetes-patch-merge-key).
MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "volumes": "name",
    "env": "name",
    "volumeMounts": "mountPath",
}


def merge(old, new, field=""):
    """A strategic merge patch: maps are merged, lists by their key (new ones first, as kustomize has it), else replaced."""
    if isinstance(old, dict) and isinstance(new, dict):
        if any(key.startswith("$") for key in new):
            sys.exit(f"directives of strategic merge patches are not known here: {new}")
        return {**old, **{key: merge(old.get(key), value, key) for key, value in new.items() if value is not None}}
    if isinstance(old, list) and isinstance(new, list) and field in MERGE_KEYS:
        key = MERGE_KEYS[field]
        patches = {item[key]: item for item in new}
        merged = [merge(item, patches.pop(item[key], {})) for item in old]
        return list(patches.values()) + merged
    return new


def is_meant(resource, target):
    """Whether a patch's target names a resource."""
    unknown = set(target) - {"kind", "name", "labelSelector"}
    if unknown:
        sys.exit(f"not known in a target: {unknown}")
    labels = resource["metadata"].get("labels", {})
    wanted = dict(pair.split("=") for pair in target.get("labelSelector", "").split(",") if pair)
    return (
        target.get("kind", resource["kind"]) == resource["kind"]
        and target.get("name", resource["metadata"]["name"]) == resource["metadata"]["name"]
        and all(labels.get(name) == value for name, value in wanted.items())
    )


def patched(resource, text):
    """A resource after one patch."""
    patch = yaml.safe_load(text)
    if isinstance(patch, list):
        return jsonpatch.apply_patch(resource, patch)
    # The target says whom it is for; what the patch calls itself does not count then.
    patch = {key: value for key, value in patch.items() if key not in ("apiVersion", "kind", "metadata")}
    return merge(resource, patch)


def renamed(images, resource):
    """A resource with its containers' images as they are to be."""
    pod = resource.get("spec", {}).get("template", {}).get("spec", {})
    for container in pod.get("containers", []) + pod.get("initContainers", []):
        for image in images:
            if container.get("image", "").split(":")[0] == image["name"]:
                container["image"] = f"{image.get('newName', image['name'])}:{image.get('newTag', 'latest')}"
    return resource


def build(folder, resources):
    """All resources of a folder, after those that were there before it."""
    file = folder / "kustomization.yaml"
    kustomization = yaml.safe_load(file.read_text())
    unknown = set(kustomization) - KNOWN
    if unknown:
        sys.exit(f"{file}: not known here: {', '.join(sorted(unknown))}")
    for name in kustomization.get("resources", []):
        resources = resources + list(yaml.safe_load_all((folder / name).read_text()))
    for name in kustomization.get("components", []):
        resources = build(folder / name, resources)
    for entry in kustomization.get("patches", []):
        text = entry["patch"] if "patch" in entry else (folder / entry["path"]).read_text()
        resources = [patched(r, text) if is_meant(r, entry["target"]) else r for r in resources]
    return [renamed(kustomization.get("images", []), r) for r in resources]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: kustomize.py FOLDER")
    yaml.safe_dump_all(build(pathlib.Path(sys.argv[1]), []), sys.stdout, sort_keys=False)
