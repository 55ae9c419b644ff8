// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// An appended file grows by whole pieces. What a write that failed left behind the
// last one goes with the next. The file and its directory are made when the first
// piece comes.
type appended struct {
	path string
	file *os.File // nil while there is none
	end  int64    // of the last whole piece
}

// openAppended opens the file at a path, which need not be there, and has read find
// where its last whole piece ends.
func openAppended(path string, read func(io.Reader) (end int64, err error)) (appended, error) {
	a := appended{path: path}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return a, nil
	}
	if err == nil {
		a.file = f
		a.end, err = read(f)
	}
	if err != nil {
		return a, errors.Join(err, a.close())
	}
	return a, nil
}

// append adds a piece, durably, and returns where it begins.
func (a *appended) append(b []byte) (offset int64, err error) {
	if a.file == nil {
		if err := a.create(); err != nil {
			return 0, err
		}
	}
	if err := a.file.Truncate(a.end); err != nil {
		return 0, err
	}
	if _, err := a.file.WriteAt(b, a.end); err != nil {
		return 0, err
	}
	if err := a.file.Sync(); err != nil {
		return 0, err
	}
	offset = a.end
	a.end += int64(len(b))
	return offset, nil
}

func (a *appended) create() error {
	dir := filepath.Dir(a.path)
	err := os.Mkdir(dir, 0o700)
	if err == nil {
		err = SyncDir(filepath.Dir(dir))
	}
	if err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	f, err := os.OpenFile(a.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := SyncDir(dir); err != nil {
		return errors.Join(err, f.Close())
	}
	a.file = f
	return nil
}

// piece reads a part of the file.
func (a *appended) piece(offset int64, length int32) ([]byte, error) {
	b := make([]byte, length)
	_, err := a.file.ReadAt(b, offset)
	return b, err
}

func (a *appended) close() error {
	if a.file == nil {
		return nil
	}
	return a.file.Close()
}
