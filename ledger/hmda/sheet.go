// SPDX-License-Identifier: Apache-2.0

package hmda

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// An Institution is who reports a register, and whom to ask about it. A ledger
// does not hold that.
type Institution struct {
	Name    string `yaml:"name"`
	LEI     string `yaml:"lei"`
	TaxID   string `yaml:"taxId"`  // 99-9999999
	Agency  int    `yaml:"agency"` // 1 OCC, 2 FRS, 3 FDIC, 5 NCUA, 7 HUD, 9 CFPB
	Contact struct {
		Name    string `yaml:"name"`
		Phone   string `yaml:"phone"` // 999-999-9999
		Email   string `yaml:"email"`
		Street  string `yaml:"street"`
		City    string `yaml:"city"`
		State   string `yaml:"state"`
		ZipCode string `yaml:"zipCode"`
	} `yaml:"contact"`
}

// ParseInstitution reads an institution in YAML. A key that it does not have is
// an error, and so is a value that the file has no place for; what is absent is
// not.
func ParseInstitution(text []byte) (*Institution, error) {
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	var i Institution
	if err := d.Decode(&i); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("couldn't read the institution: %s", complaint(err))
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("couldn't read the institution: the file has more than one document")
	}
	fields, _ := i.Sheet(0, 0)
	for n, text := range strings.Split(fields, "|") {
		if n >= len(sheet) || !writable(text) {
			return nil, errors.New("couldn't read the institution: a value has a character that a register has no place for")
		}
	}
	if i.Agency < 0 || i.Agency > 9 {
		return nil, errors.New("couldn't read the institution: agency is a digit: 1 OCC, 2 FRS, 3 FDIC, 5 NCUA, 7 HUD, 9 CFPB")
	}
	return &i, nil
}

// complaint says what is wrong with an institution's YAML. It quotes no value.
func complaint(err error) string {
	var mistyped *yaml.TypeError
	if !errors.As(err, &mistyped) {
		return strings.TrimPrefix(err.Error(), "yaml: ")
	}
	line, what, _ := strings.Cut(mistyped.Errors[0], ": ")
	if key, unknown := strings.CutPrefix(what, "field "); unknown {
		key, _, _ = strings.Cut(key, " not found")
		return fmt.Sprintf("%s: there is no key %s; there are name, lei, taxId, agency and contact, and in contact name, phone, email, street, city, state and zipCode", line, key)
	}
	if strings.HasPrefix(what, "cannot unmarshal") {
		what = "agency is a digit, contact has keys of its own, and all else is text"
	}
	return line + ": " + what
}

// sheet are the names of the fields of a transmittal sheet.
var sheet = []string{
	"Record Identifier", "Financial Institution Name", "Calendar Year", "Calendar Quarter", "Contact Person's Name",
	"Contact Person's Telephone Number", "Contact Person's E-mail Address", "Contact Person's Office Street Address",
	"Contact Person's Office City", "Contact Person's Office State", "Contact Person's Office Zip Code", "Federal Agency",
	"Total Number of Entries Contained in Submission", "Federal Taxpayer Identification Number", fieldLEI,
}

// Sheet returns the transmittal sheet of a year's register, without the end of
// its line, and the names of the fields that the institution leaves open.
func (i *Institution) Sheet(year, lines int) (text string, missing []string) {
	agency := ""
	if i.Agency != 0 {
		agency = strconv.Itoa(i.Agency)
	}
	fields := []string{
		"1", i.Name, strconv.Itoa(year), "4", i.Contact.Name, i.Contact.Phone, i.Contact.Email, i.Contact.Street,
		i.Contact.City, i.Contact.State, i.Contact.ZipCode, agency, strconv.Itoa(lines), i.TaxID, i.LEI,
	}
	for n, field := range fields {
		if field == "" {
			missing = append(missing, sheet[n])
		}
	}
	return strings.Join(fields, "|"), missing
}
