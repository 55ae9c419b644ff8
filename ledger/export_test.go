// SPDX-License-Identifier: Apache-2.0

package ledger

// Steps are the durable steps of a commit, in their order.
var Steps = []string{stepVault, stepSign, stepStore, stepMirror, stepHead}

// OnStep has do perform every durable step from now on. The ledger must not
// be running.
func (l *Ledger) OnStep(do func(step string, f func() error) error) { l.do = do }

// BatchRecords is the number of records at which a batch is cut off.
const BatchRecords = batchRecords

// IndexRootEvery is after how many records an index-root is appended.
const IndexRootEvery = indexRootEvery
