{ closeconn: prints the IPv4 TCP table, or deletes one connection of it. A program for Windows, as it is. }
program closeconn;

{$mode delphi}

uses
  SysUtils;

const
  iphlpapilib = 'iphlpapi.dll';
  AF_INET = 2;
  TCP_TABLE_OWNER_PID_ALL = 5;
  ERROR_INSUFFICIENT_BUFFER = 122;
  MIB_TCP_STATE_DELETE_TCB = 12;

type
  DWORD = LongWord;

  TMibTcpRow = packed record
    dwState, dwLocalAddr, dwLocalPort, dwRemoteAddr, dwRemotePort: DWORD;
  end;
  PMibTcpRow = ^TMibTcpRow;

  TMibTcpRowOwnerPid = packed record
    dwState, dwLocalAddr, dwLocalPort, dwRemoteAddr, dwRemotePort, dwOwningPid: DWORD;
  end;

  TMibTcpTableOwnerPid = packed record
    dwNumEntries: DWORD;
    table: array [0..99999] of TMibTcpRowOwnerPid;
  end;
  PMibTcpTableOwnerPid = ^TMibTcpTableOwnerPid;

function GetExtendedTcpTable(pTcpTable: Pointer; var dwSize: DWORD; bOrder: LongBool; lAf: DWORD;
  TableClass: Integer; Reserved: DWORD): DWORD; stdcall; external iphlpapilib;
function SetTcpEntry(pTcpRow: PMibTcpRow): DWORD; stdcall; external 'iphlpapi.dll' name 'SetTcpEntry';

function EndOf(Address, Port: DWORD): string;
begin
  Result := Format('%d.%d.%d.%d:%d', [Address and $FF, (Address shr 8) and $FF, (Address shr 16) and $FF,
    Address shr 24, Swap(Word(Port))]);
end;

procedure List;
var
  Table: PMibTcpTableOwnerPid;
  Size, Code, I: DWORD;
begin
  Table := nil;
  Size := 0;
  Code := GetExtendedTcpTable(nil, Size, True, AF_INET, TCP_TABLE_OWNER_PID_ALL, 0);
  while Code = ERROR_INSUFFICIENT_BUFFER do
  begin
    ReallocMem(Table, Size);
    Code := GetExtendedTcpTable(Table, Size, True, AF_INET, TCP_TABLE_OWNER_PID_ALL, 0);
  end;
  if Code <> 0 then
    raise Exception.CreateFmt('GetExtendedTcpTable: %d', [Code]);
  I := 0;
  while I < Table^.dwNumEntries do
  begin
    with Table^.table[I] do
      WriteLn(dwState, ' ', EndOf(dwLocalAddr, dwLocalPort), ' ', EndOf(dwRemoteAddr, dwRemotePort), ' ', dwOwningPid);
    Inc(I);
  end;
  FreeMem(Table);
end;

function AddressOf(Text: string): DWORD;
var
  I: Integer;
begin
  Result := 0;
  for I := 0 to 3 do
  begin
    Result := Result or (DWORD(StrToInt(Copy(Text + '.', 1, Pos('.', Text + '.') - 1))) shl (8 * I));
    Delete(Text, 1, Pos('.', Text + '.'));
  end;
end;

var
  Row: TMibTcpRow;
  Code: DWORD;
begin
  if ParamCount < 4 then
  begin
    List;
    Exit;
  end;
  Row.dwState := MIB_TCP_STATE_DELETE_TCB;
  if ParamCount > 4 then
    Row.dwState := StrToInt(ParamStr(5));
  Row.dwLocalAddr := AddressOf(ParamStr(1));
  Row.dwLocalPort := Swap(Word(StrToInt(ParamStr(2))));
  Row.dwRemoteAddr := AddressOf(ParamStr(3));
  Row.dwRemotePort := Swap(Word(StrToInt(ParamStr(4))));
  Code := SetTcpEntry(@Row);
  WriteLn(Code);
  if Code <> 0 then
    Halt(1);
end.
