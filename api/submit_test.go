// SPDX-License-Identifier: Apache-2.0

package api

// marker stands in values that no problem, no log line and no metric may
// repeat.
const marker = "Zz7Marker9"
