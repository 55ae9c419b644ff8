// SPDX-License-Identifier: Apache-2.0

//go:build long

package portable

import "testing"

// TestMutationsLong and TestLiesLong are the short ones with many files.
func TestMutationsLong(t *testing.T) { mutations(t, 6000) }

func TestLiesLong(t *testing.T) { lies(t, 2000) }
