// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

// annotations explain every member of the golden files, by the path of names
// that leads to it; * stands for the items of a list.
var annotations = map[string]map[string]string{
	"trust.json":               trustNotes,
	"trust-submitters.json":    trustNotes,
	"trust-witnesses.json":     trustNotes,
	"evidence-witnessed.json":  evidenceNotes,
	"trust-anchors.json":       trustNotes,
	"trust-stamps.json":        trustNotes,
	"evidence-anchored.json":   evidenceNotes,
	"evidence-stamped.json":    evidenceNotes,
	"evidence.json":            evidenceNotes,
	"evidence-plain.json":      evidenceNotes,
	"evidence-signed.json":     evidenceNotes,
	"evidence-restricted.json": evidenceNotes,
	"receipt.json":             receiptNotes,
	"receipt-restricted.json":  receiptNotes,
}

var trustNotes = map[string]string{
	"/v":               "The format and its version. A reader refuses any other.",
	"/origin":          "The name of the ledger: the first line of its checkpoints and the name of its checkpoint keys.",
	"/genesis":         "The leaf hash of leaf 0, base64 of 32 bytes: SHA-256(0x00 ‖ the bytes of the genesis entry).",
	"/keys":            "Who may sign checkpoints.",
	"/keys/*/key":      "A C2SP verifier key: name + key hash in 8 hexadecimal digits + base64(0x01 ‖ 32 bytes of Ed25519 public key).\nThe key hash is the first 4 bytes of SHA-256(name ‖ \"\\n\" ‖ 0x01 ‖ public key).",
	"/keys/*/from":     "The smallest size of a checkpoint that the key may sign. Absent: 0.",
	"/keys/*/to":       "The largest. Absent: no end.",
	"/vrf":             "The ledger's VRF public key, base64 of the 32 bytes of a ristretto255 element.",
	"/submitters":      "Optional. Whose signatures are demanded: with it, a record without a verified signature is INCOMPLETE.",
	"/submitters/*/id": "The id of the submitter's key: the member submitter of an entry, and kid in the signature.",
	"/submitters/*/jwk": "A public JSON Web Key: OKP with Ed25519 for EdDSA, EC with P-256 for ES256.\n" +
		"x and y are 32 bytes each in base64url without padding.",
	"/witnesses":                     "Optional. Who has to have cosigned: with it, what no quorum cosigned is INCOMPLETE.",
	"/witnesses/keys":                "C2SP verifier keys as above, but with 0x04 in the place of 0x01. Two of one public key are one witness.",
	"/witnesses/quorum":              "How many of them.",
	"/witnesses/toleranceSeconds":    "How far the time of recording may lie outside the times of the cosignatures. Absent: 300.",
	"/chains":                        "Optional. Where each record has to be anchored: with it, what is not is INCOMPLETE.",
	"/chains/*/id":                   "The id of the chain (EIP-155).",
	"/chains/*/name":                 "What people call it. Absent: chain and its id.",
	"/chains/*/testnet":              "The chain is for trying things out, and each verdict says so. Absent: false.",
	"/chains/*/contract":             "The address of the contract that logs anchors, in lower case.",
	"/chains/*/publishers":           "Who may anchor there.",
	"/chains/*/publishers/*/address": "The address from which the transaction was sent that anchored.",
	"/chains/*/publishers/*/from":    "The smallest size of a checkpoint that they may anchor. Absent: 0.",
	"/chains/*/publishers/*/to":      "The largest. Absent: no end.",
	"/chains/*/blocks":               "Optional. Blocks that the chain has and that are final there, as the policy's author found out.",
	"/chains/*/blocks/*/number":      "The number of the block.",
	"/chains/*/blocks/*/hash":        "Its hash, in lower case.",
	"/stamps":                        "Optional. Whose time stamps are asked for: with it, what too few stamped is INCOMPLETE.",
	"/stamps/quorum":                 "How many authorities have to have stamped.",
	"/stamps/roots":                  "Certificates, base64 of DER: the roots of authorities, or their own. Each public key is one authority.",
	"/submitters/*/jwk/crv":          "", "/submitters/*/jwk/kty": "", "/submitters/*/jwk/x": "", "/submitters/*/jwk/y": "",
}

var evidenceNotes = map[string]string{
	"/v": "The format and its version. A reader refuses any other.",
	"/checkpoint": "A C2SP signed note, verbatim: origin, size and base64 root on a line each, an empty line, and signature lines\n" +
		"\"— name base64(4 bytes of key hash ‖ 64 bytes of Ed25519 signature)\". Signed are the bytes before the empty line.",
	"/genesis":                     "Which ledger it is: the policy pins the leaf hash of this entry.",
	"/genesis/entry":               "The bytes of leaf 0, in a JSON string.",
	"/genesis/proof":               "Its RFC 6962 inclusion proof under the checkpoint, from the lowest hash up; base64 of 32 bytes each.",
	"/schemas":                     "The schemas of what is disclosed, each the exact bytes in a JSON string. SHA-256 of them is the member schema of an entry,\nof a restricted one that of its member /type.",
	"/records":                     "The records.",
	"/witnesses":                   "Optional: other checkpoints of the ledger, that witnesses cosigned.",
	"/witnesses/*/checkpoint":      "A C2SP signed note as above. A cosignature is base64(4 bytes of key hash ‖ be64(seconds) ‖ 64 bytes of signature) over\n\"cosignature/v1\\ntime <seconds>\\n\" and the text of the checkpoint. The signature line of the ledger stands there too.",
	"/witnesses/*/proof":           "The RFC 6962 consistency proof between this tree and that of the file's checkpoint, the smaller first.",
	"/anchors":                     "Optional: checkpoints of the ledger that were anchored outside of it.",
	"/anchors/*/checkpoint":        "A C2SP signed note as above.",
	"/anchors/*/proof":             "The RFC 6962 consistency proof between this tree and that of the file's checkpoint, the smaller first.",
	"/anchors/*/chain":             "That a contract on a chain logged the checkpoint. An anchor has this or stamp.",
	"/anchors/*/chain/id":          "The id of the chain (EIP-155). Nothing but the policy, or who looks the block up there, shows that it is this one.",
	"/anchors/*/chain/contract":    "The address of the contract, in lower case.",
	"/anchors/*/chain/header":      "The RLP of the block's header, base64. Keccak-256 of it is the hash of the block.",
	"/anchors/*/chain/transaction": "The place of the transaction in the block, from 0. RLP of it is the key in the trie of receipts.",
	"/anchors/*/chain/log":         "Which log of the receipt is the event, from 0.",
	"/anchors/*/chain/receipt":     "The nodes of the trie of receipts from its root to the receipt, base64 of RLP.",
	"/anchors/*/stamp":             "An RFC 3161 time stamp token over the text of the checkpoint, base64 of DER.",
	"/records/*/index":             "The index of the leaf.",
	"/records/*/entry":             "The bytes of the leaf in a JSON string; see ledger/record/testdata for what stands in them.",
	"/records/*/proof":             "The inclusion proof of SHA-256(0x00 ‖ entry) under the checkpoint.",
	"/records/*/disclosures":       "As many sealed members as the holder shows.",
	"/records/*/disclosures/*/disclosure": "[salt, pointer, value], or [salt, pointer] for a member that the event lacks. These bytes are hashed:\n" +
		"the leaf is SHA-256(0x00 ‖ them). The salt is base64 of the first 16 bytes of SHA-256(seed ‖ pointer).",
	"/records/*/disclosures/*/proof": "The inclusion proof under the entry's member sealed, in the small tree of all the schema's pointers in their\n" +
		"bytewise order: the leaf's place is the place of its pointer among them.",
	"/records/*/subject":         "Optional: whose record it is.",
	"/records/*/subject/subject": "<kind>/<id>",
	"/records/*/subject/proof": "The 80 bytes of a VRF proof, base64. Its output's first 32 bytes are the entry's member term.\n" +
		"The input is part(\"lendlog/term\") ‖ part(kind) ‖ part(id), where part(s) is two bytes of length, then s.",
}

var receiptNotes = map[string]string{
	"/v":     "The format and its version. A reader refuses any other.",
	"/index": "The index of the record.",
	"/entry": "The bytes of its leaf in a JSON string.",
	"/seeds": "One seed per key group, base64 of 32 bytes. With the event, its schema and these, all disclosures can be computed\n" +
		"and from them the entry's member sealed: the root over them in the order of their pointers.",
	"/seeds/party": "", "/seeds/staff": "", "/seeds/institution": "",
	"/proof":                "The inclusion proof of the entry under the checkpoint. Absent when it was not asked for.",
	"/checkpoint":           "A C2SP signed note, verbatim.",
	"/restricted":           "Only of a restricted record: what the ledger sealed with it.",
	"/restricted/refs":      "The value of the member /refs; empty when it is absent.",
	"/restricted/submitter": "The value of the member /submitter.",
}

var memberLine = regexp.MustCompile(`^( +)"([A-Za-z0-9]+)": `)

// annotate writes the lines of an indented document with a comment above each
// member that stands there for the first time. Without the lines that begin
// with # it is the document, byte for byte.
func annotate(t *testing.T, doc []byte, notes map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	out.WriteString("# Without the lines that begin with a number sign this is the golden file beside it, byte for byte.\n" +
		"# docs/formats.md specifies the format.\n")
	seen := map[string]bool{}
	path := make([]string, 32) // by depth of indentation
	for line := range strings.Lines(string(doc)) {
		depth := (len(line) - len(strings.TrimLeft(line, " "))) / 2
		path[depth] = "*"
		if m := memberLine.FindStringSubmatch(line); m != nil {
			path[depth] = m[2]
			at := "/" + strings.Join(path[1:depth+1], "/")
			text, ok := notes[at]
			if !ok {
				t.Errorf("nothing explains the member %s", at)
			}
			if text != "" && !seen[at] {
				out.WriteString("#\n# " + strings.ReplaceAll(text, "\n", "\n# ") + "\n")
			}
			seen[at] = true
		}
		out.WriteString(line)
	}
	bare := regexp.MustCompile(`(?m)^#.*\n`).ReplaceAll(out.Bytes(), nil)
	if !bytes.Equal(bare, doc) {
		t.Error("the annotated document without its comments is another")
	}
	return out.Bytes()
}
