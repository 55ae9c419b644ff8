// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"

	"go.yaml.in/yaml/v3"
)

// inType is where YAML says which type of this program has no such field.
var inType = regexp.MustCompile(` in type \S+$`)

// Document decodes the YAML document of a file into v, which an empty file leaves
// as it is. It refuses more than so many bytes, keys that v does not know, and a
// second document.
func Document(b []byte, most int, v any) error {
	if len(b) > most {
		return fmt.Errorf("it has more than %d KiB", most>>10)
	}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	var mistyped *yaml.TypeError
	if err := d.Decode(v); errors.As(err, &mistyped) {
		return errors.New(inType.ReplaceAllString(mistyped.Errors[0], ""))
	} else if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return errors.New("it has more than one document")
	}
	return nil
}
