// SPDX-License-Identifier: Apache-2.0

//go:build long

package ethereum_test

const everyCall = 3
