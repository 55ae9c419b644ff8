// SPDX-License-Identifier: Apache-2.0

package record

import "testing"

// Compose is compose with the shared definitions.
func Compose(t *testing.T, text string) []byte {
	t.Helper()
	defs, err := readDefinitions(sharedDefinitions)
	if err != nil {
		t.Fatal(err)
	}
	composed, err := compose([]byte(text), defs)
	if err != nil {
		t.Fatal(err)
	}
	return composed
}

// CompileBuiltin does anew what Builtin does once.
func CompileBuiltin() error {
	_, err := compileAll(schemas, sharedDefinitions)
	return err
}
