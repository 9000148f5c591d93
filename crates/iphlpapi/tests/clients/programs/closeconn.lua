-- closeconn: prints the IPv4 TCP table, or deletes one connection of it. A program for Windows, as it is.

local ffi = require("ffi")
local bit = require("bit")

ffi.cdef [[
typedef uint32_t DWORD;
typedef struct { DWORD dwState, dwLocalAddr, dwLocalPort, dwRemoteAddr, dwRemotePort; } MIB_TCPROW;
typedef struct { DWORD dwState, dwLocalAddr, dwLocalPort, dwRemoteAddr, dwRemotePort, dwOwningPid; } MIB_TCPROW_OWNER_PID;
typedef struct { DWORD dwNumEntries; MIB_TCPROW_OWNER_PID table[1]; } MIB_TCPTABLE_OWNER_PID;
DWORD GetExtendedTcpTable(void *table, DWORD *size, int order, DWORD family, int class, DWORD reserved);
DWORD SetTcpEntry(MIB_TCPROW *row);
]]

-- On Windows any of these is the same library.
local iphlpapi
for _, name in ipairs { "iphlpapi.dll", "iphlpapi", "Iphlpapi.dll", "IPHLPAPI.DLL", "Iphlpapi" } do
    iphlpapi = ffi.load(name)
end

local function swap(port)
    port = bit.band(port, 0xffff)
    return bit.bor(bit.lshift(bit.band(port, 0xff), 8), bit.rshift(port, 8))
end

local function endpoint(address, port)
    local bytes = ffi.cast("uint8_t *", ffi.new("uint32_t[1]", address))
    return string.format("%d.%d.%d.%d:%d", bytes[0], bytes[1], bytes[2], bytes[3], swap(port))
end

local function list()
    local size, buffer = ffi.new("DWORD[1]"), nil
    local code = iphlpapi.GetExtendedTcpTable(nil, size, 1, 2, 5, 0)
    while code == 122 do
        buffer = ffi.new("uint8_t[?]", size[0])
        code = iphlpapi.GetExtendedTcpTable(buffer, size, 1, 2, 5, 0)
    end
    assert(code == 0, code)
    local table = ffi.cast("MIB_TCPTABLE_OWNER_PID *", buffer)
    for i = 0, table.dwNumEntries - 1 do
        local row = table.table[i]
        print(row.dwState, endpoint(row.dwLocalAddr, row.dwLocalPort), endpoint(row.dwRemoteAddr, row.dwRemotePort),
            row.dwOwningPid)
    end
end

local function address(word)
    local bytes, i = ffi.new("uint8_t[4]"), 0
    for part in word:gmatch("%d+") do
        bytes[i], i = tonumber(part), i + 1
    end
    return ffi.cast("uint32_t *", bytes)[0]
end

if #arg == 0 then
    list()
else
    local row = ffi.new("MIB_TCPROW", tonumber(arg[5] or 12), address(arg[1]), swap(tonumber(arg[2])), address(arg[3]),
        swap(tonumber(arg[4])))
    local code = iphlpapi.SetTcpEntry(row)
    print(code)
    os.exit(code == 0 and 0 or 1)
end
