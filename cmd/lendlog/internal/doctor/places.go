// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/vault"
)

// parts are the directories of the ledger, by what they hold.
func (c *checkup) parts() []struct{ name, path string } {
	return []struct{ name, path string }{
		{"store", c.paths.Store}, {"mirror", c.paths.Mirror}, {"head file", c.paths.Head}, {"vault", c.paths.Vault}, {"keys", c.paths.Keys},
	}
}

// hold tells who holds the ledger.
func (c *checkup) hold(origin string) {
	held, err := store.Held(c.paths.Head)
	c.held = held
	switch {
	case err != nil:
		c.fail("ledger", "run this as the owner of the ledger's files", "%s: couldn't find out whether a process holds it: %v", origin, err)
	case held:
		c.ok("ledger", "%s, which a process holds", origin)
	default:
		c.ok("ledger", "%s, which no process holds", origin)
	}
}

// network are file systems on which a flush or a lock may be less than it says;
// memory are those that keep nothing.
var (
	network = map[int64]string{0x6969: "NFS", 0xff534d42: "CIFS", 0xfe534d42: "SMB", 0x65735546: "FUSE", 0x01021997: "9P"}
	memory  = map[int64]string{0x01021994: "tmpfs", 0x858458f6: "ramfs"}
)

// places looks at the volumes: space, what shares one, and whether they keep what
// is flushed.
func (c *checkup) places() {
	floors := ledger.Floors(c.paths)
	for _, part := range c.parts() {
		floor, ok := floors[part.path]
		if !ok {
			continue // it takes nothing more
		}
		check := "space of the " + part.name
		free, err := store.Free(part.path)
		switch {
		case err != nil:
			c.fail(check, "mount its volume, or put the directory back", "%v", err)
		case free < floor:
			c.fail(check, "free some space: appends are refused until then", "%d MiB are free in %s, and %d are needed", free>>20, part.path, floor>>20)
		case free < 2*floor:
			c.warn(check, "free some space, or have a larger volume", "%d MiB are free in %s; below %d appends stop", free>>20, part.path, floor>>20)
		default:
			c.ok(check, "%d MiB are free; below %d appends stop", free>>20, floor>>20)
		}
	}
	if shared := c.paths.Warnings(); len(shared) > 0 {
		c.warn("volumes", "keep them on other volumes: `lendlog init --mirror` and the like, or move them and name them in lendlog.json", "%s", shared[0])
	} else {
		c.ok("volumes", "keys, vault, head file and mirror lie on other volumes than the store")
	}
	for _, part := range c.parts()[:3] {
		c.durable(part.name, part.path)
	}
}

// durable looks at whether a volume keeps what is flushed to it.
func (c *checkup) durable(name, path string) {
	check := "flushing of the " + name
	var st syscall.Statfs_t
	err := syscall.Statfs(path, &st)
	if err == nil {
		err = store.SyncDir(path)
	}
	kind := int64(uint32(st.Type))
	switch {
	case err != nil:
		c.fail(check, "take a volume whose directories can be flushed (fsync), of a local file system such as ext4 or XFS", "%v", err)
	case memory[kind] != "":
		c.warn(check, "take a volume that is on disk", "%s lies on %s, which is gone when the machine stops", path, memory[kind])
	case network[kind] != "":
		c.warn(check, "take a local volume, or make sure that flushing and locks hold there", "%s lies on %s", path, network[kind])
	default:
		c.ok(check, "its directory can be flushed")
	}
}

// secrets looks at who can read what nobody else may.
func (c *checkup) secrets(origin string) {
	keys, err := vault.ReadKeys(c.paths.Keys)
	if err != nil {
		c.fail("keys", "do what it says; the ledger does not open without its own keys, readable by their owner only", "%v", err)
	} else {
		c.ok("keys", "they are there, and only their owner can read them")
		c.keeper(origin, keys)
	}
	n, wide := 0, ""
	err = filepath.WalkDir(c.paths.Vault, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if n++; err == nil && info.Mode().Perm()&0o077 != 0 {
			wide = path
		}
		return err
	})
	switch {
	case err != nil:
		c.fail("vault", "mount its volume, or put it back: sealed members can't be opened without it", "%v", err)
	case wide != "":
		c.fail("vault", "chmod 600 the files in it", "%s can be read by others", wide)
	default:
		c.ok("vault", "%d files, which only their owner can read", n)
	}
}

// keeper asks whoever keeps the vault's key to wrap and unwrap one that protects
// nothing.
func (c *checkup) keeper(origin string, keys vault.Keys) {
	for _, k := range []*vault.Key{keys.Vault, keys.VaultNext} {
		if k == nil || k.Command == "" {
			continue
		}
		if err := k.Try(origin); err != nil {
			c.fail("vault's keeper", "have whoever keeps the key answer, or mend the command in "+filepath.Join(c.paths.Keys, k.File)+": a ledger that is closed does not open, and one that is open soon takes no new persons", "%v", err)
		} else {
			c.ok("vault's keeper", "the command keeps the key %s, and answers", k.Name)
		}
	}
}

// machine looks at limits of this machine.
func (c *checkup) machine() {
	const enough = 4096
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		c.skip("open files", "%v", err)
		return
	}
	if limit.Cur < enough {
		c.warn("open files", "allow more: LimitNOFILE= of the systemd unit, or ulimit -n", "whoever is started like this may have %d files open, and a large ledger needs up to %d", limit.Cur, enough)
		return
	}
	c.ok("open files", "whoever is started like this may have %d open", limit.Cur)
}

// missing reports whether an error says that a file is not there.
func missing(err error) bool { return errors.Is(err, os.ErrNotExist) }
