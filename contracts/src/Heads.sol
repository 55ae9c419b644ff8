// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// The newest anchored head of every ledger: of each sender, for each origin.
/// Nobody else can write there, so nothing has an owner, and nothing can be
/// changed but by growing.
abstract contract Heads {
    /// Two storage slots, overwritten by each anchor. The second slot commits to
    /// every anchor of the ledger in order, so a proof of that slot alone shows
    /// that a list of anchors is complete.
    struct Head {
        /// RFC 6962 root of the tree.
        bytes32 root;
        /// Number of its leaves; 0 where nothing was anchored.
        uint64 size;
        /// The first 24 bytes of keccak256(abi.encode(history before, size, root,
        /// number, time, parent)), with the values of the event; 0 before the
        /// first anchor. 24 bytes are enough: a link holds the hash of the block
        /// before, so nobody can prepare two histories that end alike, and has to
        /// meet, after the fact, a value that a block fixed.
        bytes24 history;
    }

    /// A ledger grew. With these events in order, each `history` follows from the
    /// one before and the event's own other values.
    /// @param by whose ledger it is: the sender
    /// @param originHash SHA-256 of the checkpoint's origin line, without its newline
    /// @param number of the block this is in, as the chain tells contracts
    /// @param time of that block, in seconds since 1970
    /// @param parent hash of the block before
    event Anchored(
        address indexed by,
        bytes32 indexed originHash,
        uint64 indexed size,
        bytes32 root,
        uint64 number,
        uint64 time,
        bytes32 parent,
        bytes24 history
    );

    /// A tree without leaves says nothing.
    error EmptyTree();
    /// The ledger had more leaves before.
    error Shrunk(uint64 anchored, uint64 size);
    /// The ledger had another root at this size.
    error Forked(uint64 size, bytes32 anchored, bytes32 root);

    mapping(address by => mapping(bytes32 originHash => Head)) internal heads;

    /// The newest head that `by` anchored for an origin; all zero when there is none.
    function head(address by, bytes32 originHash) external view returns (Head memory) {
        return heads[by][originHash];
    }

    /// Whether a head of this size and root comes after the last one, rather than
    /// being the last one again. Reverts when it can be neither.
    function follows(Head storage last, uint64 size, bytes32 root) internal view returns (bool) {
        uint64 anchored = last.size;
        if (size > anchored) return true;
        if (size == 0) revert EmptyTree();
        if (size < anchored) revert Shrunk(anchored, size);
        if (root != last.root) revert Forked(size, last.root, root);
        return false;
    }

    function grow(Head storage last, bytes32 originHash, uint64 size, bytes32 root) internal {
        uint64 number = uint64(block.number);
        uint64 time = uint64(block.timestamp);
        bytes32 parent = blockhash(block.number - 1);
        bytes24 history = bytes24(keccak256(abi.encode(last.history, size, root, number, time, parent)));
        (last.root, last.size, last.history) = (root, size, history);
        emit Anchored(msg.sender, originHash, size, root, number, time, parent, history);
    }
}
