// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Heads} from "./Heads.sol";
import {RFC6962} from "./RFC6962.sol";

/// Records heads of ledgers, each only with the proof that it continues the one
/// before: the chain itself refuses a forked ledger. A ledger that lost anchored
/// records can never anchor here again under its origin, whatever the reason.
contract StrictAnchor is Heads {
    /// The proof does not show that the ledger continues its last head.
    error Inconsistent(uint64 anchored, uint64 size);

    /// Anchors a head for the sender. The last one again changes nothing and says
    /// nothing. For the first one the proof is not looked at.
    /// @param proof RFC 6962 consistency proof from the last head to this one
    function anchor(bytes32 originHash, uint64 size, bytes32 root, bytes32[] calldata proof) external {
        Head storage last = heads[msg.sender][originHash];
        if (!follows(last, size, root)) return;
        uint64 anchored = last.size;
        if (anchored != 0 && !RFC6962.verifyConsistency(anchored, last.root, size, root, proof)) {
            revert Inconsistent(anchored, size);
        }
        grow(last, originHash, size, root);
    }
}
