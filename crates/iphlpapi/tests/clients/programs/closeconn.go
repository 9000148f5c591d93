// closeconn: prints the IPv4 TCP table, or deletes one connection of it, by the library's name on Windows.
package main

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

static uint32_t set_entry(void *function, void *row) {
	return ((uint32_t (*)(void *))function)(row);
}

static uint32_t get_table(void *function, void *table, uint32_t *size) {
	return ((uint32_t (*)(void *, uint32_t *, int32_t, uint32_t, int, uint32_t))function)(table, size, 1, 2, 5, 0);
}
*/
import "C"

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"unsafe"
)

type row struct {
	State      uint32
	LocalAddr  [4]byte
	LocalPort  [4]byte
	RemoteAddr [4]byte
	RemotePort [4]byte
}

func procedure(name string) unsafe.Pointer {
	file, symbol := C.CString("iphlpapi.dll"), C.CString(name)
	defer C.free(unsafe.Pointer(file))
	defer C.free(unsafe.Pointer(symbol))
	library := C.dlopen(file, C.RTLD_NOW)
	if library == nil {
		panic(C.GoString(C.dlerror()))
	}
	return C.dlsym(library, symbol)
}

func end(addr, port []byte) string {
	return fmt.Sprintf("%d.%d.%d.%d:%d", addr[0], addr[1], addr[2], addr[3], binary.BigEndian.Uint16(port))
}

func list() {
	function := procedure("GetExtendedTcpTable")
	size := C.uint32_t(0)
	var table unsafe.Pointer
	code := C.get_table(function, nil, &size)
	for code == 122 {
		table = C.realloc(table, C.size_t(size))
		code = C.get_table(function, table, &size)
	}
	if code != 0 {
		panic(code)
	}
	bytes := C.GoBytes(table, C.int(size))
	for i := uint32(0); i < binary.LittleEndian.Uint32(bytes); i++ {
		one := bytes[4+24*i:]
		fmt.Println(binary.LittleEndian.Uint32(one), end(one[4:], one[8:]), end(one[12:], one[16:]),
			binary.LittleEndian.Uint32(one[20:]))
	}
}

func port(word string) (port [4]byte) {
	number, err := strconv.ParseUint(word, 10, 16)
	if err != nil {
		panic(err)
	}
	binary.BigEndian.PutUint16(port[:], uint16(number))
	return
}

func main() {
	args := os.Args[1:]
	if len(args) == 0 {
		list()
		return
	}
	entry := (*row)(C.malloc(20))
	*entry = row{12, netip.MustParseAddr(args[0]).As4(), port(args[1]), netip.MustParseAddr(args[2]).As4(), port(args[3])}
	if len(args) > 4 {
		state, _ := strconv.Atoi(args[4])
		entry.State = uint32(state)
	}
	code := C.set_entry(procedure("SetTcpEntry"), unsafe.Pointer(entry))
	fmt.Println(code)
	if code != 0 {
		os.Exit(1)
	}
}
