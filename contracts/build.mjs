// SPDX-License-Identifier: Apache-2.0

// Compiles the contracts into out/: of each its ABI, creation and runtime code and
// storage layout, and input.json, from which any solc of the same version makes the
// same bytes. Nothing of the machine is in them.
import { readFileSync, readdirSync, rmSync, mkdirSync, writeFileSync } from "node:fs";
import solc from "solc";

process.chdir(import.meta.dirname);

const contracts = { "src/Anchor.sol": "Anchor", "src/StrictAnchor.sol": "StrictAnchor", "test/Proofs.sol": "Proofs" };
const files = ["src", "test"].flatMap((dir) => readdirSync(dir).map((name) => `${dir}/${name}`)).sort();

const input = {
  language: "Solidity",
  sources: Object.fromEntries(files.map((file) => [file, { content: readFileSync(file, "utf8") }])),
  settings: {
    // No opcode that is newer than this is needed, so chains that lag may be used.
    evmVersion: "cancun",
    optimizer: { enabled: true, runs: 1_000_000 },
    viaIR: true,
    // Without these the code would change with a comment.
    metadata: { bytecodeHash: "none", appendCBOR: false },
    outputSelection: { "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object", "storageLayout"] } },
  },
};

const output = JSON.parse(solc.compile(JSON.stringify(input)));
for (const problem of output.errors ?? []) console.error(problem.formattedMessage);
if (output.errors?.length) process.exit(1);

const write = (name, value) => writeFileSync(`out/${name}.json`, JSON.stringify(value, null, 2) + "\n");
rmSync("out", { recursive: true, force: true });
mkdirSync("out");
write("input", input);
for (const [file, name] of Object.entries(contracts)) {
  const { abi, evm, storageLayout } = output.contracts[file][name];
  write(name, { abi, bytecode: "0x" + evm.bytecode.object, deployedBytecode: "0x" + evm.deployedBytecode.object, storageLayout });
}
