"""A machine whose clock is wrong, and jumps: programs started with it read the time of day with an offset from a file.

Only the time of day; the clock that goes forward is everybody's. Needs a C compiler.
"""

import shutil
import subprocess
from pathlib import Path

SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static long offset(void) {
  static int file = -2;
  char text[32] = {0};
  if (file == -2) {
    const char *path = getenv("SKEW_FILE");
    file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  }
  return file < 0 || pread(file, text, sizeof text - 1, 0) <= 0 ? 0 : atol(text);
}
int clock_gettime(clockid_t which, struct timespec *now) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  int failed = real(which, now);
  if (!failed && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) now->tv_sec += offset();
  return failed;
}
int gettimeofday(struct timeval *now, void *zone) {
  struct timespec precise;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &precise);
  now->tv_sec = precise.tv_sec;
  now->tv_usec = precise.tv_nsec / 1000;
  return 0;
}
time_t time(time_t *into) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (into) *into = now.tv_sec;
  return now.tv_sec;
}
"""


class Skew:
    def __init__(self, folder: Path) -> None:
        assert self.possible()
        self._file = folder / "skew"
        self._file.write_text("0")
        source, self._library = folder / "skew.c", folder / "skew.so"
        source.write_text(SOURCE)
        words = ["cc", "-O2", "-shared", "-fPIC", "-o", str(self._library), str(source), "-ldl"]
        subprocess.run(words, check=True)

    @staticmethod
    def possible() -> bool:
        return shutil.which("cc") is not None

    @property
    def env(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self._library), "SKEW_FILE": str(self._file)}

    def jump(self, seconds: int) -> None:
        """So far off from now on."""
        self._file.write_text(f"{seconds:<12d}")
