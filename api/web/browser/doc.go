// SPDX-License-Identifier: Apache-2.0

// Package browser is a test: the console in a real browser, as people see it and
// as a keyboard and a reader of screens go through it.
package browser
