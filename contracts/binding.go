// SPDX-License-Identifier: Apache-2.0

// Code generated via abigen V2 - DO NOT EDIT.
// This file is a generated binding and any manual changes will be lost.

package contracts

import (
	"bytes"
	"errors"
	"math/big"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/accounts/abi/bind/v2"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
)

// Reference imports to suppress errors if they are not otherwise used.
var (
	_ = bytes.Equal
	_ = errors.New
	_ = big.NewInt
	_ = common.Big1
	_ = types.BloomLookup
	_ = abi.ConvertType
)

// HeadsHead is an auto generated low-level Go binding around an user-defined struct.
type HeadsHead struct {
	Root    [32]byte
	Size    uint64
	History [24]byte
}

// AnchorMetaData contains all meta data concerning the Anchor contract.
var AnchorMetaData = bind.MetaData{
	ABI: "[{\"inputs\":[],\"name\":\"EmptyTree\",\"type\":\"error\"},{\"inputs\":[{\"internalType\":\"uint64\",\"name\":\"size\",\"type\":\"uint64\"},{\"internalType\":\"bytes32\",\"name\":\"anchored\",\"type\":\"bytes32\"},{\"internalType\":\"bytes32\",\"name\":\"root\",\"type\":\"bytes32\"}],\"name\":\"Forked\",\"type\":\"error\"},{\"inputs\":[{\"internalType\":\"uint64\",\"name\":\"anchored\",\"type\":\"uint64\"},{\"internalType\":\"uint64\",\"name\":\"size\",\"type\":\"uint64\"}],\"name\":\"Shrunk\",\"type\":\"error\"},{\"anonymous\":false,\"inputs\":[{\"indexed\":true,\"internalType\":\"address\",\"name\":\"by\",\"type\":\"address\"},{\"indexed\":true,\"internalType\":\"bytes32\",\"name\":\"originHash\",\"type\":\"bytes32\"},{\"indexed\":true,\"internalType\":\"uint64\",\"name\":\"size\",\"type\":\"uint64\"},{\"indexed\":false,\"internalType\":\"bytes32\",\"name\":\"root\",\"type\":\"bytes32\"},{\"indexed\":false,\"internalType\":\"uint64\",\"name\":\"number\",\"type\":\"uint64\"},{\"indexed\":false,\"internalType\":\"uint64\",\"name\":\"time\",\"type\":\"uint64\"},{\"indexed\":false,\"internalType\":\"bytes32\",\"name\":\"parent\",\"type\":\"bytes32\"},{\"indexed\":false,\"internalType\":\"bytes24\",\"name\":\"history\",\"type\":\"bytes24\"}],\"name\":\"Anchored\",\"type\":\"event\"},{\"inputs\":[{\"internalType\":\"bytes32\",\"name\":\"originHash\",\"type\":\"bytes32\"},{\"internalType\":\"uint64\",\"name\":\"size\",\"type\":\"uint64\"},{\"internalType\":\"bytes32\",\"name\":\"root\",\"type\":\"bytes32\"}],\"name\":\"anchor\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"inputs\":[{\"internalType\":\"address\",\"name\":\"by\",\"type\":\"address\"},{\"internalType\":\"bytes32\",\"name\":\"originHash\",\"type\":\"bytes32\"}],\"name\":\"head\",\"outputs\":[{\"components\":[{\"internalType\":\"bytes32\",\"name\":\"root\",\"type\":\"bytes32\"},{\"internalType\":\"uint64\",\"name\":\"size\",\"type\":\"uint64\"},{\"internalType\":\"bytes24\",\"name\":\"history\",\"type\":\"bytes24\"}],\"internalType\":\"structHeads.Head\",\"name\":\"\",\"type\":\"tuple\"}],\"stateMutability\":\"view\",\"type\":\"function\"}]",
	ID:  "Anchor",
	Bin: "0x608080604052346015576103f8908161001a8239f35b5f80fdfe6080806040526004361015610012575f80fd5b5f3560e01c90816324e8393d1461022857506370c127c614610032575f80fd5b346102245760607ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc360112610224576004356024359067ffffffffffffffff8216918281036102245760443590335f525f60205260405f20835f5260205261009f8260405f20928361032e565b6100a557005b67ffffffffffffffff431667ffffffffffffffff42167fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff43014381116101f75740916001840193845490604051917fffffffffffffffffffffffffffffffffffffffffffffffff000000000000000060208401911681528960408401528760608401528360808401528460a08401528560c084015260c0835260e083019083821067ffffffffffffffff8311176101ca5788937fffffffffffffffffffffffffffffffffffffffffffffffff000000000000000092604052519020169589871790555560405194855260208501526040840152606083015260808201527fd1035625bb55b940a18ca1a1418c431d82be952d48d60ea3442990de61a6596760a03392a4005b7f4e487b71000000000000000000000000000000000000000000000000000000005f52604160045260245ffd5b7f4e487b71000000000000000000000000000000000000000000000000000000005f52601160045260245ffd5b5f80fd5b346102245760407ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc360112610224576004359073ffffffffffffffffffffffffffffffffffffffff8216809203610224576040816102865f93610312565b82815282602082015201525f525f60205260405f206024355f52602052606060405f207fffffffffffffffffffffffffffffffffffffffffffffffff00000000000000006040516102d681610312565b67ffffffffffffffff60018454948584520154918360406020830192848616845201931683526040519485525116602084015251166040820152f35b6060810190811067ffffffffffffffff8211176101ca57604052565b67ffffffffffffffff806001830154169216918083116103ef5782156103c75780831061039757505490818303610366575050505f90565b7f7e750b68000000000000000000000000000000000000000000000000000000005f5260045260245260445260645ffd5b90507fe643e7e4000000000000000000000000000000000000000000000000000000005f5260045260245260445ffd5b7f91363287000000000000000000000000000000000000000000000000000000005f5260045ffd5b5050505060019056",
}

// Anchor is an auto generated Go binding around an Ethereum contract.
type Anchor struct {
	abi abi.ABI
}

// GetABI returns the ABI associated with this contract binding.
func (c *Anchor) GetABI() abi.ABI {
	return c.abi
}

// NewAnchor creates a new instance of Anchor.
func NewAnchor() *Anchor {
	parsed, err := AnchorMetaData.ParseABI()
	if err != nil {
		panic(errors.New("invalid ABI: " + err.Error()))
	}
	return &Anchor{abi: *parsed}
}

// Instance creates a wrapper for a deployed contract instance at the given address.
// Use this to create the instance object passed to abigen v2 library functions Call, Transact, etc.
func (c *Anchor) Instance(backend bind.ContractBackend, addr common.Address) *bind.BoundContract {
	return bind.NewBoundContract(addr, c.abi, backend, backend, backend)
}

// PackAnchor is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x70c127c6.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function anchor(bytes32 originHash, uint64 size, bytes32 root) returns()
func (anchor *Anchor) PackAnchor(originHash [32]byte, size uint64, root [32]byte) []byte {
	enc, err := anchor.abi.Pack("anchor", originHash, size, root)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackAnchor is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x70c127c6.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function anchor(bytes32 originHash, uint64 size, bytes32 root) returns()
func (anchor *Anchor) TryPackAnchor(originHash [32]byte, size uint64, root [32]byte) ([]byte, error) {
	return anchor.abi.Pack("anchor", originHash, size, root)
}

// PackHead is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x24e8393d.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function head(address by, bytes32 originHash) view returns((bytes32,uint64,bytes24))
func (anchor *Anchor) PackHead(by common.Address, originHash [32]byte) []byte {
	enc, err := anchor.abi.Pack("head", by, originHash)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackHead is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x24e8393d.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function head(address by, bytes32 originHash) view returns((bytes32,uint64,bytes24))
func (anchor *Anchor) TryPackHead(by common.Address, originHash [32]byte) ([]byte, error) {
	return anchor.abi.Pack("head", by, originHash)
}

// UnpackHead is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0x24e8393d.
//
// Solidity: function head(address by, bytes32 originHash) view returns((bytes32,uint64,bytes24))
func (anchor *Anchor) UnpackHead(data []byte) (HeadsHead, error) {
	out, err := anchor.abi.Unpack("head", data)
	if err != nil {
		return *new(HeadsHead), err
	}
	out0 := *abi.ConvertType(out[0], new(HeadsHead)).(*HeadsHead)
	return out0, nil
}

// AnchorAnchored represents a Anchored event raised by the Anchor contract.
type AnchorAnchored struct {
	By         common.Address
	OriginHash [32]byte
	Size       uint64
	Root       [32]byte
	Number     uint64
	Time       uint64
	Parent     [32]byte
	History    [24]byte
	Raw        *types.Log // Blockchain specific contextual infos
}

const AnchorAnchoredEventName = "Anchored"

// ContractEventName returns the user-defined event name.
func (AnchorAnchored) ContractEventName() string {
	return AnchorAnchoredEventName
}

// UnpackAnchoredEvent is the Go binding that unpacks the event data emitted
// by contract.
//
// Solidity: event Anchored(address indexed by, bytes32 indexed originHash, uint64 indexed size, bytes32 root, uint64 number, uint64 time, bytes32 parent, bytes24 history)
func (anchor *Anchor) UnpackAnchoredEvent(log *types.Log) (*AnchorAnchored, error) {
	event := "Anchored"
	if len(log.Topics) == 0 {
		return nil, bind.ErrNoEventSignature
	}
	if log.Topics[0] != anchor.abi.Events[event].ID {
		return nil, bind.ErrEventSignatureMismatch
	}
	out := new(AnchorAnchored)
	if len(log.Data) > 0 {
		if err := anchor.abi.UnpackIntoInterface(out, event, log.Data); err != nil {
			return nil, err
		}
	}
	var indexed abi.Arguments
	for _, arg := range anchor.abi.Events[event].Inputs {
		if arg.Indexed {
			indexed = append(indexed, arg)
		}
	}
	if err := abi.ParseTopics(out, indexed, log.Topics[1:]); err != nil {
		return nil, err
	}
	out.Raw = log
	return out, nil
}

// UnpackError attempts to decode the provided error data using user-defined
// error definitions.
func (anchor *Anchor) UnpackError(raw []byte) (any, error) {
	if bytes.Equal(raw[:4], anchor.abi.Errors["EmptyTree"].ID.Bytes()[:4]) {
		return anchor.UnpackEmptyTreeError(raw[4:])
	}
	if bytes.Equal(raw[:4], anchor.abi.Errors["Forked"].ID.Bytes()[:4]) {
		return anchor.UnpackForkedError(raw[4:])
	}
	if bytes.Equal(raw[:4], anchor.abi.Errors["Shrunk"].ID.Bytes()[:4]) {
		return anchor.UnpackShrunkError(raw[4:])
	}
	return nil, errors.New("Unknown error")
}

// AnchorEmptyTree represents a EmptyTree error raised by the Anchor contract.
type AnchorEmptyTree struct {
}

// ErrorID returns the hash of canonical representation of the error's signature.
//
// Solidity: error EmptyTree()
func AnchorEmptyTreeErrorID() common.Hash {
	return common.HexToHash("0x91363287e86abc9a32e9497c199d101108698f0547673152e7d0221a248c212a")
}

// UnpackEmptyTreeError is the Go binding used to decode the provided
// error data into the corresponding Go error struct.
//
// Solidity: error EmptyTree()
func (anchor *Anchor) UnpackEmptyTreeError(raw []byte) (*AnchorEmptyTree, error) {
	out := new(AnchorEmptyTree)
	if err := anchor.abi.UnpackIntoInterface(out, "EmptyTree", raw); err != nil {
		return nil, err
	}
	return out, nil
}

// AnchorForked represents a Forked error raised by the Anchor contract.
type AnchorForked struct {
	Size     uint64
	Anchored [32]byte
	Root     [32]byte
}

// ErrorID returns the hash of canonical representation of the error's signature.
//
// Solidity: error Forked(uint64 size, bytes32 anchored, bytes32 root)
func AnchorForkedErrorID() common.Hash {
	return common.HexToHash("0x7e750b68d066210a470ac83b11f7b2d6c56566c1f2d2c6f16a8343b0310670a8")
}

// UnpackForkedError is the Go binding used to decode the provided
// error data into the corresponding Go error struct.
//
// Solidity: error Forked(uint64 size, bytes32 anchored, bytes32 root)
func (anchor *Anchor) UnpackForkedError(raw []byte) (*AnchorForked, error) {
	out := new(AnchorForked)
	if err := anchor.abi.UnpackIntoInterface(out, "Forked", raw); err != nil {
		return nil, err
	}
	return out, nil
}

// AnchorShrunk represents a Shrunk error raised by the Anchor contract.
type AnchorShrunk struct {
	Anchored uint64
	Size     uint64
}

// ErrorID returns the hash of canonical representation of the error's signature.
//
// Solidity: error Shrunk(uint64 anchored, uint64 size)
func AnchorShrunkErrorID() common.Hash {
	return common.HexToHash("0xe643e7e4656f3d6d8c104b2adb0d7854679529ce5c0254a9a394fd8583c4424f")
}

// UnpackShrunkError is the Go binding used to decode the provided
// error data into the corresponding Go error struct.
//
// Solidity: error Shrunk(uint64 anchored, uint64 size)
func (anchor *Anchor) UnpackShrunkError(raw []byte) (*AnchorShrunk, error) {
	out := new(AnchorShrunk)
	if err := anchor.abi.UnpackIntoInterface(out, "Shrunk", raw); err != nil {
		return nil, err
	}
	return out, nil
}

// StrictAnchorMetaData contains all meta data concerning the StrictAnchor contract.
var StrictAnchorMetaData = bind.MetaData{
	ABI: "[{\"inputs\":[],\"name\":\"EmptyTree\",\"type\":\"error\"},{\"inputs\":[{\"internalType\":\"uint64\",\"name\":\"size\",\"type\":\"uint64\"},{\"internalType\":\"bytes32\",\"name\":\"anchored\",\"type\":\"bytes32\"},{\"internalType\":\"bytes32\",\"name\":\"root\",\"type\":\"bytes32\"}],\"name\":\"Forked\",\"type\":\"error\"},{\"inputs\":[{\"internalType\":\"uint64\",\"name\":\"anchored\",\"type\":\"uint64\"},{\"internalType\":\"uint64\",\"name\":\"size\",\"type\":\"uint64\"}],\"name\":\"Inconsistent\",\"type\":\"error\"},{\"inputs\":[{\"internalType\":\"uint64\",\"name\":\"anchored\",\"type\":\"uint64\"},{\"internalType\":\"uint64\",\"name\":\"size\",\"type\":\"uint64\"}],\"name\":\"Shrunk\",\"type\":\"error\"},{\"anonymous\":false,\"inputs\":[{\"indexed\":true,\"internalType\":\"address\",\"name\":\"by\",\"type\":\"address\"},{\"indexed\":true,\"internalType\":\"bytes32\",\"name\":\"originHash\",\"type\":\"bytes32\"},{\"indexed\":true,\"internalType\":\"uint64\",\"name\":\"size\",\"type\":\"uint64\"},{\"indexed\":false,\"internalType\":\"bytes32\",\"name\":\"root\",\"type\":\"bytes32\"},{\"indexed\":false,\"internalType\":\"uint64\",\"name\":\"number\",\"type\":\"uint64\"},{\"indexed\":false,\"internalType\":\"uint64\",\"name\":\"time\",\"type\":\"uint64\"},{\"indexed\":false,\"internalType\":\"bytes32\",\"name\":\"parent\",\"type\":\"bytes32\"},{\"indexed\":false,\"internalType\":\"bytes24\",\"name\":\"history\",\"type\":\"bytes24\"}],\"name\":\"Anchored\",\"type\":\"event\"},{\"inputs\":[{\"internalType\":\"bytes32\",\"name\":\"originHash\",\"type\":\"bytes32\"},{\"internalType\":\"uint64\",\"name\":\"size\",\"type\":\"uint64\"},{\"internalType\":\"bytes32\",\"name\":\"root\",\"type\":\"bytes32\"},{\"internalType\":\"bytes32[]\",\"name\":\"proof\",\"type\":\"bytes32[]\"}],\"name\":\"anchor\",\"outputs\":[],\"stateMutability\":\"nonpayable\",\"type\":\"function\"},{\"inputs\":[{\"internalType\":\"address\",\"name\":\"by\",\"type\":\"address\"},{\"internalType\":\"bytes32\",\"name\":\"originHash\",\"type\":\"bytes32\"}],\"name\":\"head\",\"outputs\":[{\"components\":[{\"internalType\":\"bytes32\",\"name\":\"root\",\"type\":\"bytes32\"},{\"internalType\":\"uint64\",\"name\":\"size\",\"type\":\"uint64\"},{\"internalType\":\"bytes24\",\"name\":\"history\",\"type\":\"bytes24\"}],\"internalType\":\"structHeads.Head\",\"name\":\"\",\"type\":\"tuple\"}],\"stateMutability\":\"view\",\"type\":\"function\"}]",
	ID:  "StrictAnchor",
	Bin: "0x6080806040523460155761074c908161001a8239f35b5f80fdfe6080806040526004361015610012575f80fd5b5f3560e01c90816324e8393d146100d1575063eed9615814610032575f80fd5b346100cd5760807ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc3601126100cd5760243567ffffffffffffffff811681036100cd576064359067ffffffffffffffff82116100cd57366023830112156100cd5781600401359067ffffffffffffffff82116100cd573660248360051b850101116100cd5760246100cb93019060443590600435610204565b005b5f80fd5b346100cd5760407ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc3601126100cd576004359073ffffffffffffffffffffffffffffffffffffffff82168092036100cd5760408161012f5f936101bb565b82815282602082015201525f525f60205260405f206024355f52602052606060405f207fffffffffffffffffffffffffffffffffffffffffffffffff000000000000000060405161017f816101bb565b67ffffffffffffffff60018454948584520154918360406020830192848616845201931683526040519485525116602084015251166040820152f35b6060810190811067ffffffffffffffff8211176101d757604052565b7f4e487b71000000000000000000000000000000000000000000000000000000005f52604160045260245ffd5b929390335f525f60205260405f20845f5260205260405f2090610228848284610401565b156103f957600182019283549667ffffffffffffffff88169182151591826103e2575b50506103a8575067ffffffffffffffff431667ffffffffffffffff4216917fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff430143811161037b57409367ffffffffffffffff604051927fffffffffffffffffffffffffffffffffffffffffffffffff0000000000000000602085019b168b5216988960408401528760608401528360808401528460a08401528560c084015260c0835260e083019083821067ffffffffffffffff8311176101d75788937fffffffffffffffffffffffffffffffffffffffffffffffff000000000000000092604052519020169589871790555560405194855260208501526040840152606083015260808201527fd1035625bb55b940a18ca1a1418c431d82be952d48d60ea3442990de61a6596760a03392a4565b7f4e487b71000000000000000000000000000000000000000000000000000000005f52601160045260245ffd5b67ffffffffffffffff92507f9a5e97dd000000000000000000000000000000000000000000000000000000005f526004521660245260445ffd5b6103f192508785875486610547565b155f8061024b565b505050505050565b67ffffffffffffffff806001830154169216918083116104c257821561049a5780831061046a57505490818303610439575050505f90565b7f7e750b68000000000000000000000000000000000000000000000000000000005f5260045260245260445260645ffd5b90507fe643e7e4000000000000000000000000000000000000000000000000000000005f5260045260245260445ffd5b7f91363287000000000000000000000000000000000000000000000000000000005f5260045ffd5b50505050600190565b67ffffffffffffffff7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff9116019067ffffffffffffffff821161037b57565b919081101561051a5760051b0190565b7f4e487b71000000000000000000000000000000000000000000000000000000005f52603260045260245ffd5b93929391909167ffffffffffffffff81168015801561070d575b6107025767ffffffffffffffff8316146106f15761059267ffffffffffffffff61058b81936104cb565b16926104cb565b16905b6001808216146106e457801580156106db5760ff5f5b16908188106106cf57156106be5783969190915b87955b8184106105f157505050501593846105e7575b5050826105e157505090565b14919050565b1492505f806105d5565b90929895949197849794156106b0576001808a161480156106a7575b156106805761062e61063a916106288c87869d9c989d61050a565b35610720565b956106288b8b8561050a565b925b600188161580610677575b156106595760011c9660011c9661063c565b6001909993969998919295989794975b811c94811c930192916105c2565b50871515610647565b9793969598929091946106a160019161069a86858761050a565b3590610720565b96610669565b5087891461060d565b505050505050925050505f90565b861561051a578435969190916105bf565b50505050505050505f90565b60ff60016105ab565b9060011c9060011c610595565b50509290501591826105e157505090565b505050505050505f90565b5067ffffffffffffffff83168111610561565b60415f9160209360405191600183536001830152602182015260025afa60203d1416156100cd575f519056",
}

// StrictAnchor is an auto generated Go binding around an Ethereum contract.
type StrictAnchor struct {
	abi abi.ABI
}

// GetABI returns the ABI associated with this contract binding.
func (c *StrictAnchor) GetABI() abi.ABI {
	return c.abi
}

// NewStrictAnchor creates a new instance of StrictAnchor.
func NewStrictAnchor() *StrictAnchor {
	parsed, err := StrictAnchorMetaData.ParseABI()
	if err != nil {
		panic(errors.New("invalid ABI: " + err.Error()))
	}
	return &StrictAnchor{abi: *parsed}
}

// Instance creates a wrapper for a deployed contract instance at the given address.
// Use this to create the instance object passed to abigen v2 library functions Call, Transact, etc.
func (c *StrictAnchor) Instance(backend bind.ContractBackend, addr common.Address) *bind.BoundContract {
	return bind.NewBoundContract(addr, c.abi, backend, backend, backend)
}

// PackAnchor is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xeed96158.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function anchor(bytes32 originHash, uint64 size, bytes32 root, bytes32[] proof) returns()
func (strictAnchor *StrictAnchor) PackAnchor(originHash [32]byte, size uint64, root [32]byte, proof [][32]byte) []byte {
	enc, err := strictAnchor.abi.Pack("anchor", originHash, size, root, proof)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackAnchor is the Go binding used to pack the parameters required for calling
// the contract method with ID 0xeed96158.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function anchor(bytes32 originHash, uint64 size, bytes32 root, bytes32[] proof) returns()
func (strictAnchor *StrictAnchor) TryPackAnchor(originHash [32]byte, size uint64, root [32]byte, proof [][32]byte) ([]byte, error) {
	return strictAnchor.abi.Pack("anchor", originHash, size, root, proof)
}

// PackHead is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x24e8393d.  This method will panic if any
// invalid/nil inputs are passed.
//
// Solidity: function head(address by, bytes32 originHash) view returns((bytes32,uint64,bytes24))
func (strictAnchor *StrictAnchor) PackHead(by common.Address, originHash [32]byte) []byte {
	enc, err := strictAnchor.abi.Pack("head", by, originHash)
	if err != nil {
		panic(err)
	}
	return enc
}

// TryPackHead is the Go binding used to pack the parameters required for calling
// the contract method with ID 0x24e8393d.  This method will return an error
// if any inputs are invalid/nil.
//
// Solidity: function head(address by, bytes32 originHash) view returns((bytes32,uint64,bytes24))
func (strictAnchor *StrictAnchor) TryPackHead(by common.Address, originHash [32]byte) ([]byte, error) {
	return strictAnchor.abi.Pack("head", by, originHash)
}

// UnpackHead is the Go binding that unpacks the parameters returned
// from invoking the contract method with ID 0x24e8393d.
//
// Solidity: function head(address by, bytes32 originHash) view returns((bytes32,uint64,bytes24))
func (strictAnchor *StrictAnchor) UnpackHead(data []byte) (HeadsHead, error) {
	out, err := strictAnchor.abi.Unpack("head", data)
	if err != nil {
		return *new(HeadsHead), err
	}
	out0 := *abi.ConvertType(out[0], new(HeadsHead)).(*HeadsHead)
	return out0, nil
}

// StrictAnchorAnchored represents a Anchored event raised by the StrictAnchor contract.
type StrictAnchorAnchored struct {
	By         common.Address
	OriginHash [32]byte
	Size       uint64
	Root       [32]byte
	Number     uint64
	Time       uint64
	Parent     [32]byte
	History    [24]byte
	Raw        *types.Log // Blockchain specific contextual infos
}

const StrictAnchorAnchoredEventName = "Anchored"

// ContractEventName returns the user-defined event name.
func (StrictAnchorAnchored) ContractEventName() string {
	return StrictAnchorAnchoredEventName
}

// UnpackAnchoredEvent is the Go binding that unpacks the event data emitted
// by contract.
//
// Solidity: event Anchored(address indexed by, bytes32 indexed originHash, uint64 indexed size, bytes32 root, uint64 number, uint64 time, bytes32 parent, bytes24 history)
func (strictAnchor *StrictAnchor) UnpackAnchoredEvent(log *types.Log) (*StrictAnchorAnchored, error) {
	event := "Anchored"
	if len(log.Topics) == 0 {
		return nil, bind.ErrNoEventSignature
	}
	if log.Topics[0] != strictAnchor.abi.Events[event].ID {
		return nil, bind.ErrEventSignatureMismatch
	}
	out := new(StrictAnchorAnchored)
	if len(log.Data) > 0 {
		if err := strictAnchor.abi.UnpackIntoInterface(out, event, log.Data); err != nil {
			return nil, err
		}
	}
	var indexed abi.Arguments
	for _, arg := range strictAnchor.abi.Events[event].Inputs {
		if arg.Indexed {
			indexed = append(indexed, arg)
		}
	}
	if err := abi.ParseTopics(out, indexed, log.Topics[1:]); err != nil {
		return nil, err
	}
	out.Raw = log
	return out, nil
}

// UnpackError attempts to decode the provided error data using user-defined
// error definitions.
func (strictAnchor *StrictAnchor) UnpackError(raw []byte) (any, error) {
	if bytes.Equal(raw[:4], strictAnchor.abi.Errors["EmptyTree"].ID.Bytes()[:4]) {
		return strictAnchor.UnpackEmptyTreeError(raw[4:])
	}
	if bytes.Equal(raw[:4], strictAnchor.abi.Errors["Forked"].ID.Bytes()[:4]) {
		return strictAnchor.UnpackForkedError(raw[4:])
	}
	if bytes.Equal(raw[:4], strictAnchor.abi.Errors["Inconsistent"].ID.Bytes()[:4]) {
		return strictAnchor.UnpackInconsistentError(raw[4:])
	}
	if bytes.Equal(raw[:4], strictAnchor.abi.Errors["Shrunk"].ID.Bytes()[:4]) {
		return strictAnchor.UnpackShrunkError(raw[4:])
	}
	return nil, errors.New("Unknown error")
}

// StrictAnchorEmptyTree represents a EmptyTree error raised by the StrictAnchor contract.
type StrictAnchorEmptyTree struct {
}

// ErrorID returns the hash of canonical representation of the error's signature.
//
// Solidity: error EmptyTree()
func StrictAnchorEmptyTreeErrorID() common.Hash {
	return common.HexToHash("0x91363287e86abc9a32e9497c199d101108698f0547673152e7d0221a248c212a")
}

// UnpackEmptyTreeError is the Go binding used to decode the provided
// error data into the corresponding Go error struct.
//
// Solidity: error EmptyTree()
func (strictAnchor *StrictAnchor) UnpackEmptyTreeError(raw []byte) (*StrictAnchorEmptyTree, error) {
	out := new(StrictAnchorEmptyTree)
	if err := strictAnchor.abi.UnpackIntoInterface(out, "EmptyTree", raw); err != nil {
		return nil, err
	}
	return out, nil
}

// StrictAnchorForked represents a Forked error raised by the StrictAnchor contract.
type StrictAnchorForked struct {
	Size     uint64
	Anchored [32]byte
	Root     [32]byte
}

// ErrorID returns the hash of canonical representation of the error's signature.
//
// Solidity: error Forked(uint64 size, bytes32 anchored, bytes32 root)
func StrictAnchorForkedErrorID() common.Hash {
	return common.HexToHash("0x7e750b68d066210a470ac83b11f7b2d6c56566c1f2d2c6f16a8343b0310670a8")
}

// UnpackForkedError is the Go binding used to decode the provided
// error data into the corresponding Go error struct.
//
// Solidity: error Forked(uint64 size, bytes32 anchored, bytes32 root)
func (strictAnchor *StrictAnchor) UnpackForkedError(raw []byte) (*StrictAnchorForked, error) {
	out := new(StrictAnchorForked)
	if err := strictAnchor.abi.UnpackIntoInterface(out, "Forked", raw); err != nil {
		return nil, err
	}
	return out, nil
}

// StrictAnchorInconsistent represents a Inconsistent error raised by the StrictAnchor contract.
type StrictAnchorInconsistent struct {
	Anchored uint64
	Size     uint64
}

// ErrorID returns the hash of canonical representation of the error's signature.
//
// Solidity: error Inconsistent(uint64 anchored, uint64 size)
func StrictAnchorInconsistentErrorID() common.Hash {
	return common.HexToHash("0x9a5e97dd78248f42bc743ac311f7b12023c3a2d5c19843f179dfa31a6ecfd93b")
}

// UnpackInconsistentError is the Go binding used to decode the provided
// error data into the corresponding Go error struct.
//
// Solidity: error Inconsistent(uint64 anchored, uint64 size)
func (strictAnchor *StrictAnchor) UnpackInconsistentError(raw []byte) (*StrictAnchorInconsistent, error) {
	out := new(StrictAnchorInconsistent)
	if err := strictAnchor.abi.UnpackIntoInterface(out, "Inconsistent", raw); err != nil {
		return nil, err
	}
	return out, nil
}

// StrictAnchorShrunk represents a Shrunk error raised by the StrictAnchor contract.
type StrictAnchorShrunk struct {
	Anchored uint64
	Size     uint64
}

// ErrorID returns the hash of canonical representation of the error's signature.
//
// Solidity: error Shrunk(uint64 anchored, uint64 size)
func StrictAnchorShrunkErrorID() common.Hash {
	return common.HexToHash("0xe643e7e4656f3d6d8c104b2adb0d7854679529ce5c0254a9a394fd8583c4424f")
}

// UnpackShrunkError is the Go binding used to decode the provided
// error data into the corresponding Go error struct.
//
// Solidity: error Shrunk(uint64 anchored, uint64 size)
func (strictAnchor *StrictAnchor) UnpackShrunkError(raw []byte) (*StrictAnchorShrunk, error) {
	out := new(StrictAnchorShrunk)
	if err := strictAnchor.abi.UnpackIntoInterface(out, "Shrunk", raw); err != nil {
		return nil, err
	}
	return out, nil
}
