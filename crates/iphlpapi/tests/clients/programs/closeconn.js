// closeconn: prints the IPv4 TCP table, or deletes one connection of it. A program for Windows, as it is.

const koffi = require('koffi');

const lib = koffi.load('iphlpapi.dll');

const MIB_TCPROW = koffi.struct('MIB_TCPROW', {
  dwState: 'uint32',
  dwLocalAddr: 'uint32',
  dwLocalPort: 'uint32',
  dwRemoteAddr: 'uint32',
  dwRemotePort: 'uint32',
});
const SetTcpEntry = lib.func('uint32 __stdcall SetTcpEntry(MIB_TCPROW *pTcpRow)');
const GetExtendedTcpTable = lib.func(
  'uint32 __stdcall GetExtendedTcpTable(void *pTcpTable, _Inout_ uint32 *pdwSize, bool bOrder, uint32 ulAf, int TableClass, uint32 Reserved)',
);

function end(buffer, at) {
  return `${buffer.subarray(at, at + 4).join('.')}:${buffer.readUInt16BE(at + 4)}`;
}

function list() {
  const size = [0];
  let buffer = null;
  let code;
  while ((code = GetExtendedTcpTable(buffer, size, true, 2, 5, 0)) === 122) {
    buffer = Buffer.alloc(size[0]);
  }
  if (code !== 0) {
    throw new Error(`GetExtendedTcpTable: ${code}`);
  }
  for (let i = 0; i < buffer.readUInt32LE(0); i++) {
    const at = 4 + 24 * i;
    console.log(buffer.readUInt32LE(at), end(buffer, at + 4), end(buffer, at + 12), buffer.readUInt32LE(at + 20));
  }
}

const address = (word) => Buffer.from(word.split('.').map(Number)).readUInt32LE();
const port = (word) => ((word & 0xff) << 8) | (word >> 8);

const args = process.argv.slice(2);
if (args.length === 0) {
  list();
} else {
  const code = SetTcpEntry({
    dwState: args.length > 4 ? Number(args[4]) : 12,
    dwLocalAddr: address(args[0]),
    dwLocalPort: port(Number(args[1])),
    dwRemoteAddr: address(args[2]),
    dwRemotePort: port(Number(args[3])),
  });
  console.log(code);
  process.exitCode = code === 0 ? 0 : 1;
}
