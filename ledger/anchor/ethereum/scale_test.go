// SPDX-License-Identifier: Apache-2.0

//go:build !long

package ethereum_test

// everyCall is how many of the calls that could fail do: one in so many.
const everyCall = 13

// killed is how often the process is killed, unless LENDLOG_KILLS says.
const killed = "20"
