# closeconn: prints the IPv4 TCP table, or deletes one connection of it. A program for Windows, as it is.

require "fiddle/import"

module IPHlpApi
  extend Fiddle::Importer
  dlload "iphlpapi.dll"
  typealias "DWORD", "unsigned int"
  extern "DWORD GetExtendedTcpTable(void *, DWORD *, int, DWORD, int, DWORD)"
  extern "DWORD SetTcpEntry(void *)"
end

# On Windows any of these is the same library.
%w[Iphlpapi.dll IPHLPAPI.DLL iphlpapi].each { |name| Fiddle.dlopen(name) }

def list
  size = [0].pack("L")
  buffer = nil
  while (code = IPHlpApi.GetExtendedTcpTable(buffer, size, 1, 2, 5, 0) & 0xffffffff) == 122
    buffer = "\0" * size.unpack1("L")
  end
  raise "GetExtendedTcpTable: #{code}" unless code.zero?

  buffer.unpack1("L").times do |i|
    state, local, local_port, remote, remote_port, pid = buffer[4 + 24 * i, 24].unpack("La4nxxa4nxxL")
    puts "#{state} #{local.bytes.join(".")}:#{local_port} #{remote.bytes.join(".")}:#{remote_port} #{pid}"
  end
end

def address(word)
  word.split(".").map(&:to_i).pack("C4")
end

if ARGV.empty?
  list
else
  local, local_port, remote, remote_port, state = ARGV
  row = [(state || 12).to_i, address(local), local_port.to_i, address(remote), remote_port.to_i].pack("La4nxxa4nxx")
  code = IPHlpApi.SetTcpEntry(row)
  puts code
  exit code.zero?
end
