#!/usr/bin/python3
"""Makes a .deb or an .rpm of what has been built: `deploy/package.py deb`, `deploy/package.py rpm`.

What must hold here: one list of files, [package.metadata.deb] of src/cli/Cargo.toml as cargo-deb reads it, serves both; the
packages run nothing on installation, and no file of theirs lies in /etc. dpkg and rpm rename new files over old ones, so
programs that have the old library mapped keep it. needs: dpkg-deb, or rpmbuild (apt-get install rpm).
"""
import argparse
import gzip
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib

WORKSPACE = pathlib.Path(__file__).resolve().parent.parent
# Where rpm's distributions look for what Debian has elsewhere.
ELSEWHERE = {"usr/share/zsh/vendor-completions": "usr/share/zsh/site-functions"}


def main():
    """Reads the command line, and makes one."""
    parser = argparse.ArgumentParser(description="Makes a package of what has been built.")
    parser.add_argument("kind", choices=["deb", "rpm"])
    parser.add_argument("--bin", type=pathlib.Path, help="where the two files are [what make dist made, else target/release]")
    parser.add_argument("--out", type=pathlib.Path, default=WORKSPACE / "target/package", help="where to [target/package]")
    parser.add_argument("--version", help="[the workspace's]")
    args = parser.parse_args()
    dist = [tree for tree in WORKSPACE.glob("target/dist/faultless-*") if tree.is_dir()]
    built = gather(args.bin or (dist[0] if dist else WORKSPACE / "target/release"))
    package = tomllib.loads((WORKSPACE / "src/cli/Cargo.toml").read_text())["package"]
    workspace = tomllib.loads((WORKSPACE / "Cargo.toml").read_text())["workspace"]["package"]
    facts = {
        **package["metadata"]["deb"],
        "version": args.version or workspace["version"],
        "license": workspace["license"],
        "summary": package["description"],
        "glibc": newest_glibc(*built),
    }
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        tree, made = pathlib.Path(folder) / "tree", pathlib.Path(folder) / "made"
        generate(built[0], made)
        for source, to, mode in facts["assets"]:
            put(built, made, tree, source, to, int(mode, 8), args.kind)
        print(deb(facts, tree, args.out) if args.kind == "deb" else rpm(facts, tree, args.out))


def gather(folder):
    """The command and the library, side by side or as `make dist` lays them out."""
    for command, library in [("faultless", "libfaultless.so"), ("bin/faultless", "lib/faultless/libfaultless.so")]:
        if (folder / command).exists() and (folder / library).exists():
            return folder / command, folder / library
    return sys.exit(f"no faultless and libfaultless.so in {folder}: make build")


def newest_glibc(command, library):
    """The newest version of glibc that one of the files asks for; none if the command is static."""
    if "INTERP" not in run("readelf", "-lW", command):
        return None
    text = run("readelf", "-VW", command) + run("readelf", "-VW", library)
    return max(re.findall(r"GLIBC_(\d+\.\d+)", text), key=lambda v: [int(n) for n in v.split(".")])


def generate(command, made):
    """What the command itself writes: manual pages, completions, and its policies as files to start from."""
    (made / "man").mkdir(parents=True)
    run(command, "man", made / "man")
    for page in (made / "man").iterdir():
        page.with_name(page.name + ".gz").write_bytes(gzip.compress(page.read_bytes(), 9, mtime=0))
        page.unlink()
    for shell, name in [("bash", "faultless"), ("zsh", "_faultless"), ("fish", "faultless.fish")]:
        (made / shell).mkdir()
        (made / shell / name).write_text(run(command, "completions", shell))
    run(WORKSPACE / "deploy/policies.sh", command, made / "policies")
    text = (WORKSPACE / "CHANGELOG.md").read_bytes()
    (made / "changelog.gz").write_bytes(gzip.compress(text, 9, mtime=0))
    licenses = "\n\n".join((WORKSPACE / name).read_text() for name in ["LICENSE-MIT", "LICENSE-APACHE"])
    (made / "copyright").write_text(f"License: MIT or Apache-2.0, as you like\n\n{licenses}")


def put(built, made, tree, source, to, mode, kind):
    """Copies what an asset names to where it belongs."""
    if kind == "rpm":
        to = ELSEWHERE.get(to.rstrip("/"), to.rstrip("/")) + "/"
    for file in built:
        source = source.replace(f"target/release/{file.name}", str(file))
    source = source.replace("target/package/made/", f"{made}/")
    at = pathlib.Path(source if source.startswith("/") else WORKSPACE / source)
    found = sorted(at.parent.glob(at.name))
    if not found:
        sys.exit(f"nothing is named {at}")
    (tree / to).mkdir(parents=True, exist_ok=True)
    for file in found:
        shutil.copyfile(file, tree / to / file.name)
        (tree / to / file.name).chmod(mode)
    for folder in (tree / to, *(tree / to).relative_to(tree).parents):
        (tree / folder).chmod(0o755)


def deb(facts, tree, out):
    """dpkg-deb makes it of the tree."""
    size = sum(f.stat().st_size for f in tree.rglob("*") if f.is_file()) // 1024
    depends = f"Depends: libc6 (>= {facts['glibc']}), libgcc-s1\n" if facts["glibc"] else ""
    description = "\n".join(f" {line or '.'}" for line in facts["extended-description"].strip().splitlines())
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN/control").write_text(
        f"Package: {facts['name']}\nVersion: {facts['version']}\nArchitecture: amd64\nMaintainer: {facts['maintainer']}\n"
        f"Installed-Size: {size}\n{depends}Section: {facts['section']}\nPriority: {facts['priority']}\n"
        f"Description: {facts['summary']}\n{description}\n"
    )
    sums = [run("md5sum", f.relative_to(tree), cwd=tree) for f in sorted(tree.glob("usr/**/*")) if f.is_file()]
    (tree / "DEBIAN/md5sums").write_text("".join(sums))
    file = out / f"{facts['name']}_{facts['version']}_amd64.deb"
    run("dpkg-deb", "--root-owner-group", "--build", tree, file)
    return file


def rpm(facts, tree, out):
    """rpmbuild makes it of the tree."""
    files = "\n".join(f'"/{f.relative_to(tree)}"' for f in sorted(tree.rglob("*")) if f.is_file())
    own = "\n".join(f'%dir "/{f}"' for f in ["usr/lib/faultless", "usr/share/faultless"] if (tree / f).is_dir())
    requires = f"Requires: glibc >= {facts['glibc']}, libgcc\n" if facts["glibc"] else ""
    spec = tree.parent / "faultless.spec"
    spec.write_text(
        "%global debug_package %{nil}\n%global __os_install_post %{nil}\n%global _build_id_links none\n"
        f"Name: {facts['name']}\nVersion: {facts['version']}\nRelease: 1\nSummary: {facts['summary']}\n"
        f"License: {facts['license']}\nAutoReqProv: no\n{requires}"
        f"%description\n{facts['extended-description'].strip()}\n"
        f"%install\ncp -a '{tree}/.' %{{buildroot}}\n%files\n%defattr(-,root,root)\n{own}\n{files}\n"
    )
    top = tree.parent / "rpmbuild"
    # On Debian, rpm keeps its database in the home folder, and makes it where there is none.
    here = ["--define", f"_topdir {top}", "--define", f"_dbpath {top / 'db'}"]
    run("rpmbuild", "-bb", "--quiet", "--target", "x86_64", *here, spec)
    (made,) = top.glob("RPMS/*/*.rpm")
    return pathlib.Path(shutil.copy(made, out))


def run(*words, cwd=None):
    """What a command prints; its complaint ends us."""
    try:
        done = subprocess.run([str(w) for w in words], cwd=cwd, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        sys.exit(f"{error.filename} is missing")
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


if __name__ == "__main__":
    main()
