// SPDX-License-Identifier: Apache-2.0

//go:build long

package ethereum_test

const everyCall = 3

// killed is how often the process is killed, unless LENDLOG_KILLS says.
const killed = "60"
