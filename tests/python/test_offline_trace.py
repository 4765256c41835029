"""The trace checker of scripts/test_offline.sh."""

from pathlib import Path

import pytest

from edgefuse_tools.checks.offline_trace import breaches

ALLOWED = [Path("/home/u/.cache/edgefuse"), Path("/out")]


@pytest.mark.parametrize(
    "line",
    [
        '12 openat(AT_FDCWD</work>, "/home/u/.cache/Microsoft/x", O_RDWR|O_CREAT|O_CLOEXEC, 0644) = 3',
        '12 openat(AT_FDCWD</work>, "notes.txt", O_WRONLY|O_CREAT, 0644) = -1 EROFS (Read-only file system)',
        '12 openat(5</home/u>, "x", O_WRONLY|O_CREAT, 0644) = 6',
        'mkdir("/home/u/.cache/Microsoft", 0777) = 0',
        '12 rename("/out/a", "/etc/a") = 0',
        '12 openat(AT_FDCWD</work>, "/etc/resolv.conf", O_RDONLY|O_CLOEXEC) = 7',
        "12 socket(AF_INET, SOCK_DGRAM|SOCK_CLOEXEC, IPPROTO_IP) = 9<UDP:[1]>",
        '12 sendto(9<UDP:[10.0.0.2:9->10.0.0.3:53]>, "x", 1, 0, NULL, 0) = 1',
        "12 recvfrom(4<socket:[255372]>, 0x7fedb87fd788, 1024, MSG_DONTWAIT, NULL, NULL) = -1 EAGAIN",
        '12 connect(5<UNIX-STREAM:[1]>, {sa_family=AF_UNIX, sun_path="/run/other"}, 110) = 0',
        "12 connect(9<UDP:[1]>, {sa_family=AF_INET, sin_port=htons(53)}, 16) = 0",
    ],
)
def test_a_violation_is_found(line: str) -> None:
    assert len(list(breaches([line], ALLOWED))) == 1


@pytest.mark.parametrize(
    "line",
    [
        '12 openat(AT_FDCWD</work>, "/home/u/.cache/Microsoft/x", O_RDONLY|O_CLOEXEC) = -1 ENOENT',
        '12 mkdir("/home/u/.cache", 0777) = 0',
        '12 openat(AT_FDCWD</work>, "/home/u/.cache/edgefuse/memory/k.json", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 8',
        '12 openat(AT_FDCWD</>, "out/a.jsonl", O_WRONLY|O_CREAT|O_EXCL, 0666) = 8',
        '12 openat(AT_FDCWD</work>, "/proc/self/clear_refs", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 8',
        "12 socketpair(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0, [3, 4]) = 0",
        '12 sendto(3<UNIX-STREAM:[262844->262845]>, "x", 1, 0, NULL, 0) = 1',
        "12 recvfrom(4<UNIX-STREAM:[262845->262844]>,  <unfinished ...>",
        "12 +++ exited with 0 +++",
        "12 --- SIGCHLD {si_signo=SIGCHLD} ---",
    ],
)
def test_documented_accesses_are_no_violations(line: str) -> None:
    assert not list(breaches([line], ALLOWED))
