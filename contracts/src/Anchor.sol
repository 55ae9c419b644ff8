// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Heads} from "./Heads.sol";

/// Records heads of ledgers. Whether a head continues the one before is for
/// readers to check, with a consistency proof from the ledger.
contract Anchor is Heads {
    /// Anchors a head for the sender. The last one again changes nothing and says nothing.
    function anchor(bytes32 originHash, uint64 size, bytes32 root) external {
        Head storage last = heads[msg.sender][originHash];
        if (follows(last, size, root)) grow(last, originHash, size, root);
    }
}
