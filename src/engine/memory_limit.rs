//! How much memory this process may use: the machine's, or the smallest limit in effect.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// Above this a cgroup of version 1 means "no limit"; the exact value depends on the page size.
const NO_LIMIT: u64 = 1 << 60;

/// One bound on the memory of this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryLimit {
    /// The bound in bytes.
    pub bytes: u64,
    /// What sets it, for messages.
    pub set_by: String,
}

/// Every bound on the memory of this process that the system reports, smallest first: total and available memory of the
/// machine, cgroups of both versions with all their ancestors, and `ulimit`.
pub fn memory_limits() -> Vec<MemoryLimit> {
    limits(Path::new("/"))
}

/// [`memory_limits`] of the system whose files are below `root`.
pub fn limits(root: &Path) -> Vec<MemoryLimit> {
    let mut limits = machine(root);
    limits.extend(cgroups(root));
    limits.extend(ulimits(root));
    limits.sort_by_key(|limit| limit.bytes);
    limits
}

fn read(root: &Path, path: &str) -> String {
    fs::read_to_string(root.join(path)).unwrap_or_default()
}

fn machine(root: &Path) -> Vec<MemoryLimit> {
    let text = read(root, "proc/meminfo");
    let value = |key: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    };
    let lines =
        [("MemTotal:", "the machine's memory"), ("MemAvailable:", "the machine's memory that is available now")];
    let found = lines.into_iter().filter_map(|(key, set_by)| Some((value(key)?, set_by)));
    found.map(|(bytes, set_by)| MemoryLimit { bytes, set_by: set_by.to_string() }).collect()
}

/// The soft limits on address space and data.
fn ulimits(root: &Path) -> Vec<MemoryLimit> {
    let text = read(root, "proc/self/limits");
    let lines = [("Max address space", "ulimit -v"), ("Max data size", "ulimit -d")];
    let found = lines.into_iter().filter_map(|(name, set_by)| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let bytes = line.split_whitespace().next()?.parse().ok()?;
        Some(MemoryLimit { bytes, set_by: set_by.to_string() })
    });
    found.collect()
}

/// A mounted hierarchy of cgroups with the memory controller.
struct Mount {
    /// The hierarchy's cgroup that is mounted.
    group: PathBuf,
    /// The mount point.
    place: PathBuf,
    version: Version,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

impl Version {
    fn file(self) -> &'static str {
        match self {
            Version::One => "memory.limit_in_bytes",
            Version::Two => "memory.max",
        }
    }
}

/// The smallest limit of each hierarchy, from this process's cgroup and its ancestors.
fn cgroups(root: &Path) -> Vec<MemoryLimit> {
    let own = read(root, "proc/self/cgroup");
    let mounts = read(root, "proc/self/mountinfo");
    let found = mounts.lines().filter_map(mount).filter_map(|mount| {
        let group = own_group(&own, mount.version)?;
        // In a container the path may be the host's, and only the container's end of it is mounted.
        let below = group.strip_prefix(&mount.group).unwrap_or(Path::new(""));
        let plain = below.components().all(|part| matches!(part, Component::Normal(_)));
        let folder = if plain { mount.place.join(below) } else { mount.place.clone() };
        let levels = folder.ancestors().take_while(|level| level.starts_with(&mount.place));
        let limits = levels.filter_map(|level| {
            let file = level.join(mount.version.file());
            let inside = root.join(file.strip_prefix("/").unwrap_or(&file));
            // "max" is not a number and means no limit.
            let bytes: u64 = fs::read_to_string(inside).ok()?.trim().parse().ok()?;
            Some(MemoryLimit { bytes, set_by: format!("cgroup {}", file.display()) })
        });
        limits.filter(|limit| limit.bytes < NO_LIMIT).min_by_key(|limit| limit.bytes)
    });
    found.collect()
}

/// The path of this process in the hierarchy, from `/proc/self/cgroup`: `4:memory:/a` or `0::/a`.
fn own_group(text: &str, version: Version) -> Option<PathBuf> {
    text.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        let ours = match version {
            Version::One => controllers.split(',').any(|name| name == "memory"),
            Version::Two => controllers.is_empty(),
        };
        ours.then(|| PathBuf::from(path))
    })
}

/// A line of `/proc/self/mountinfo`, if it is a hierarchy with the memory controller.
fn mount(line: &str) -> Option<Mount> {
    let (fields, system) = line.split_once(" - ")?;
    let mut fields = fields.split(' ').skip(3);
    let (group, place) = (unescaped(fields.next()?), unescaped(fields.next()?));
    let mut system = system.split(' ');
    let version = match (system.next()?, system.nth(1)?) {
        ("cgroup2", _) => Version::Two,
        ("cgroup", options) if options.split(',').any(|option| option == "memory") => Version::One,
        _ => return None,
    };
    Some(Mount { group: group.into(), place: place.into(), version })
}

/// The kernel writes space, tab, newline and backslash as three octal digits.
fn unescaped(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .into_iter()
        .fold(text.to_string(), |text, (code, character)| text.replace(code, character))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// The smallest limit of a system with these files.
    fn least(files: &[(&str, &str)]) -> Option<(u64, String)> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        limits(root.path()).into_iter().next().map(|limit| (limit.bytes / MIB, limit.set_by))
    }

    const MEMINFO: (&str, &str) =
        ("proc/meminfo", "MemTotal:       24576000 kB\nMemFree:  100 kB\nMemAvailable:   20480000 kB\n");
    const V2: (&str, &str) =
        ("proc/self/mountinfo", "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n");
    const HYBRID: (&str, &str) = (
        "proc/self/mountinfo",
        "31 30 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
         36 30 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n\
         37 30 0:33 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n",
    );

    #[test]
    fn the_machine_alone() {
        assert_eq!(least(&[]), None);
        let (mib, set_by) = least(&[MEMINFO]).unwrap();
        assert_eq!((mib, set_by.as_str()), (20_000, "the machine's memory that is available now"));
    }

    #[test]
    fn version_two_with_the_least_limit_above_the_own_group() {
        let own = ("proc/self/cgroup", "0::/system.slice/edgefuse.service\n");
        let none = ("sys/fs/cgroup/system.slice/edgefuse.service/memory.max", "max\n");
        let slice = ("sys/fs/cgroup/system.slice/memory.max", "100663296\n");
        let (mib, set_by) = least(&[MEMINFO, V2, own, none, slice]).unwrap();
        assert_eq!((mib, set_by.as_str()), (96, "cgroup /sys/fs/cgroup/system.slice/memory.max"));
        assert_eq!(least(&[MEMINFO, V2, own, none]).unwrap().0, 20_000);
    }

    #[test]
    fn version_one_and_hybrid_mounts() {
        let own = ("proc/self/cgroup", "9:name=systemd:/\n4:memory:/a/b\n1:cpu,cpuacct:/\n0::/x\n");
        let unlimited = ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        let limit = ("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "134217728\n");
        let (mib, set_by) = least(&[MEMINFO, HYBRID, own, unlimited, limit]).unwrap();
        assert_eq!((mib, set_by.as_str()), (128, "cgroup /sys/fs/cgroup/memory/a/b/memory.limit_in_bytes"));
        assert_eq!(least(&[MEMINFO, HYBRID, own, unlimited]).unwrap().0, 20_000);
    }

    #[test]
    fn in_a_container_the_own_end_is_mounted() {
        let limit = ("sys/fs/cgroup/memory/memory.limit_in_bytes", "67108864\n");
        // Docker without a cgroup namespace: the host's path, with its end mounted.
        let own = ("proc/self/cgroup", "4:memory:/docker/abc\n");
        let mounted = "36 30 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        assert_eq!(least(&[MEMINFO, ("proc/self/mountinfo", mounted), own, limit]).unwrap().0, 64);
        // The path is outside the mount or the namespace.
        for path in ["4:memory:/elsewhere\n", "4:memory:/../../abc\n"] {
            let own = ("proc/self/cgroup", path);
            assert_eq!(least(&[MEMINFO, ("proc/self/mountinfo", mounted), own, limit]).unwrap().0, 64, "{path}");
        }
    }

    #[test]
    fn ulimit() {
        let text = "Limit                     Soft Limit           Hard Limit           Units\n\
                    Max data size             unlimited            unlimited            bytes\n\
                    Max address space         536870912            unlimited            bytes\n";
        assert_eq!(least(&[MEMINFO, ("proc/self/limits", text)]), Some((512, "ulimit -v".to_string())));
    }

    #[test]
    fn malformed_files_are_not_limits() {
        assert!(mount("").is_none() && mount("a b - cgroup2").is_none() && mount(" - ").is_none());
        assert_eq!(unescaped("/a\\040b"), "/a b");
        let odd = ("proc/meminfo", "MemTotal: many kB\nMemAvailable: 99999999999999999999 kB\n");
        assert_eq!(least(&[odd, ("proc/self/cgroup", "x\n:::\n"), V2]), None);
    }
}
