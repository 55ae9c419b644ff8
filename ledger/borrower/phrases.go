// SPDX-License-Identifier: Apache-2.0

package borrower

import "github.com/lendlog/lendlog/ledger/record"

// phrases are what the page says around the records, by language.
var phrases = map[string]map[string]string{
	record.English: {
		"title":     "Your lending decision",
		"intro":     "This is what the lender recorded of your application: what was decided, when, and why. Beside this page you were given a file with which anybody can check that it was recorded like this and was not changed since.",
		"file":      "Application",
		"you":       "Your number",
		"time":      "Time stated",
		"recorded":  "Recorded",
		"record":    "Record",
		"corrected": "Corrected",
		"none":      "should not have been there",
		"elsewhere": "what it corrects is not part of this receipt",
		"complain":  "To whom to turn",
		"complain1": "Turn to the lender first, named here as it stands in the records, and say the number of the application. You may ask to be told more, to have what is wrong put right, and to have the decision looked at by a person, where the law that applies to you gives you that right.",
		"complain2": "A reporting agency that is named here gave a report, and did not decide. What is wrong in its report it has to look into.",
		"complain3": "If that does not help, turn to the authority that supervises the lender.",
		"verify":    "How to have this checked",
		"verify1":   "Give the file that is named below to anybody you trust, with the lender's trust file, which the lender publishes and others hold copies of. They need no account, no network and nothing from the lender. One of these says whether the file is genuine:",
		"verify2":   "VALID says that each record shown here was recorded with these words, at this place of the ledger, and was not changed. INVALID says that the file or the ledger was altered. INCOMPLETE says what could not be checked.",
		"verify3":   "The file holds the records that are shown here and no others: it does not say that there are none.",
		"name":      "File", "sha": "SHA-256 of the file", "ledger": "Ledger", "size": "Records at that time", "root": "Root hash", "genesis": "Hash of its first record",
	},
	record.Chinese: {
		"title":     "您的信贷决定",
		"intro":     "以下是贷款机构就您的申请所作的记录：决定了什么、何时决定、理由为何。与本页一同提供的文件可供任何人核验：记录确实如此，且此后未被更改。",
		"file":      "申请",
		"you":       "您的编号",
		"time":      "所述时间",
		"recorded":  "记录时间",
		"record":    "记录",
		"corrected": "更正",
		"none":      "本不应有此项",
		"elsewhere": "所更正的内容不在本回执之内",
		"complain":  "向谁反映",
		"complain1": "请先向贷款机构反映（名称以记录所载为准），并说明申请编号。在适用于您的法律赋予您相应权利的范围内，您可以要求了解更多情况、更正错误，并要求由人工复核该决定。",
		"complain2": "此处所列的征信机构只提供了报告，并未作出决定。其报告如有错误，应由其核查。",
		"complain3": "如仍未解决，请向监管该贷款机构的主管机关反映。",
		"verify":    "如何核验",
		"verify1":   "请将下列文件连同贷款机构的信任文件一并交给您信任的任何人。信任文件由贷款机构公布，其他人也留有副本。核验无需账户、无需联网，也无需贷款机构协助。以下任一程序都会说明文件是否真实：",
		"verify2":   "VALID 表示此处所示的每条记录确以这些内容记入账本的这一位置，且未被更改。INVALID 表示文件或账本曾被改动。INCOMPLETE 表示有哪些内容无法核验。",
		"verify3":   "文件只包含此处所示的记录；它并不表明没有其他记录。",
		"name":      "文件", "sha": "文件的 SHA-256", "ledger": "账本", "size": "当时的记录数", "root": "根哈希", "genesis": "首条记录的哈希",
	},
}
