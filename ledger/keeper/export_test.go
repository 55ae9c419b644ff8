// SPDX-License-Identifier: Apache-2.0

package keeper

import "time"

func (k *Keeper) SetTimeout(d time.Duration) { k.process.Timeout = d }
