// Prints Docker's default seccomp profile with io_uring allowed again: go run . > ../seccomp-io-uring.json
package main

import (
	"encoding/json"
	"log"
	"os"

	"github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
)

func main() {
	profile := seccomp.DefaultProfile()
	profile.Syscalls = append(profile.Syscalls, &seccomp.Syscall{
		LinuxSyscall: specs.LinuxSyscall{
			Names:  []string{"io_uring_enter", "io_uring_register", "io_uring_setup"},
			Action: specs.ActAllow,
		},
		Comment: "Rookery waits for everything by io_uring; Docker's default has left it out since 25.0.",
	})
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	if err := out.Encode(profile); err != nil {
		log.Fatal(err)
	}
}
