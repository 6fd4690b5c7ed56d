// SPDX-License-Identifier: BSD-3-Clause
//
// The first process of the recorded guest: sets up what a program expects, tells the recorder where the kernel handles
// page faults and maps memory, and runs the command between two marks.

#define _GNU_SOURCE
#include <fcntl.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { AT_FAULTS = '1', AT_DIRECT_MAP, AT_START, AT_END };

// The instruction does nothing but be recognised. The jump ends a block: only there can the recorder read registers.
#define MARK(which, value)                                                                             \
    __asm__ volatile(".byte 0x0f, 0x1f, 0x84, 0x00, 'O', 'O', 'S', %c1\n\tjmp 1f\n1:" ::"a"(value), "i"(which) : "memory")

static uint64_t address_of(const char *symbol)
{
    char line[512], name[256], kind;
    unsigned long address, found = 0;
    FILE *file = fopen("/proc/kallsyms", "r");
    while (file && !found && fgets(line, sizeof line, file))
        if (sscanf(line, "%lx %c %255s", &address, &kind, name) == 3 && strcmp(name, symbol) == 0)
            found = address;
    if (file)
        fclose(file);
    return found;
}

static void network(void)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int made = socket(AF_INET, SOCK_DGRAM, 0);
    if (made >= 0) {
        ioctl(made, SIOCSIFFLAGS, &request);
        close(made);
    }
}

static void redirect(const char *name, int mode, int first, int last)
{
    int file = open(name, mode);
    for (int to = first; file >= 0 && to <= last; to++)
        dup2(file, to);
    if (file > 2)
        close(file);
}

// Run the words of a file, each of which ends in a zero byte.
static int run(const char *name)
{
    static char text[1 << 17];
    static char *words[1 << 12];
    static char *environment[] = {"PATH=/usr/local/bin:/usr/bin:/usr/sbin:/bin", "HOME=/root", "LANG=C", NULL};
    int file = open(name, O_RDONLY), count = 0, status = 0;
    ssize_t length = file < 0 ? 0 : read(file, text, sizeof text - 1);
    for (char *at = text; at < text + length && count < 4095; at += strlen(at) + 1)
        words[count++] = at;
    close(file);
    pid_t child = fork();
    if (child == 0) {
        redirect("/dev/null", O_RDONLY, 0, 0);
        redirect("/dev/ttyS1", O_WRONLY, 1, 2);
        chdir("/root");
        execve(words[0], words, environment);
        perror(words[0]);
        _exit(127);
    }
    for (pid_t ended = 0; ended != child;) // orphans come here too
        ended = wait(&status);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(void)
{
    mount("proc", "/proc", "proc", 0, NULL);
    mount("sys", "/sys", "sysfs", 0, NULL);
    mount("dev", "/dev", "devtmpfs", 0, NULL);
    mkdir("/dev/shm", 01777);
    mount("tmpfs", "/dev/shm", "tmpfs", 0, NULL);
    redirect("/dev/ttyS0", O_RDWR, 0, 2);
    network();
    uint64_t faults = address_of("asm_exc_page_fault"), map = address_of("page_offset_base");
    sync();
    MARK(AT_FAULTS, faults);
    MARK(AT_DIRECT_MAP, map);
    MARK(AT_START, 0);
    int status = run("/oosbench/command");
    MARK(AT_END, (uint64_t)status);
    sync();
    reboot(RB_AUTOBOOT); // which ends QEMU: it is told not to reboot
    return 0;
}
