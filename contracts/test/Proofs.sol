// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Heads} from "../src/Heads.sol";
import {RFC6962} from "../src/RFC6962.sol";

/// The library as another contract uses it, for tests.
contract Proofs {
    function leafHash(bytes calldata entry) external pure returns (bytes32) {
        return RFC6962.leafHash(entry);
    }

    function inclusion(bytes32 leaf, uint64 index, uint64 size, bytes32 root, bytes32[] calldata proof)
        external
        view
        returns (bool)
    {
        return RFC6962.verifyInclusion(leaf, index, size, root, proof);
    }

    function consistency(
        uint64 oldSize,
        bytes32 oldRoot,
        uint64 newSize,
        bytes32 newRoot,
        bytes32[] calldata proof
    ) external view returns (bool) {
        return RFC6962.verifyConsistency(oldSize, oldRoot, newSize, newRoot, proof);
    }

    /// Whether the entry is a record of the ledger, by its newest head in `anchors`.
    function recorded(
        Heads anchors,
        address by,
        bytes32 originHash,
        uint64 index,
        bytes calldata entry,
        bytes32[] calldata proof
    ) external view returns (bool) {
        Heads.Head memory head = anchors.head(by, originHash);
        return RFC6962.verifyInclusion(RFC6962.leafHash(entry), index, head.size, head.root, proof);
    }
}
