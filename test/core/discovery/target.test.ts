import { describe, expect, it } from 'vitest'
import { FlashproofError } from '../../../src/shared/errors.ts'
import { isEndpoint, parseTarget } from '../../../src/core/discovery/target.ts'

describe('a TARGET', () => {
  it.each([
    [
      'http://192.168.4.1',
      { kind: 'http', origin: 'http://192.168.4.1', hostname: '192.168.4.1', port: 80, basePath: '' },
    ],
    ['http://192.168.4.1/', { kind: 'http', port: 80, basePath: '' }],
    [
      'http://board.local:8080/api/v1/',
      { kind: 'http', origin: 'http://board.local:8080', port: 8080, basePath: '/api/v1' },
    ],
    ['HTTP://Board.Local', { kind: 'http', origin: 'http://board.local', hostname: 'board.local' }],
    [' http://10.0.0.1 ', { kind: 'http', text: 'http://10.0.0.1' }],
    ['http://[fe80::1]:81', { kind: 'http', hostname: '[fe80::1]', port: 81 }],
    [
      'http://[fe80::1%25eth0]:81/api',
      {
        kind: 'http',
        text: 'http://[fe80::1%25eth0]:81/api',
        origin: 'http://[fe80::1%25eth0]:81',
        hostname: '[fe80::1%eth0]',
        port: 81,
        basePath: '/api',
      },
    ],
    ['tcp://[fe80::1%25eth0]:3232', { kind: 'tcp', hostname: '[fe80::1%eth0]', port: 3232 }],
    ['serial:/dev/ttyUSB0', { kind: 'serial', path: '/dev/ttyUSB0' }],
    ['serial:///dev/ttyACM0', { kind: 'serial', path: '/dev/ttyACM0' }],
    ['serial:COM7', { kind: 'serial', path: 'COM7' }],
    ['tcp://host:3333', { kind: 'tcp', hostname: 'host', port: 3333 }],
    ['tcp://[::1]:3333', { kind: 'tcp', hostname: '[::1]', port: 3333 }],
    ['rfc2217://host:2217', { kind: 'rfc2217', hostname: 'host', port: 2217 }],
    ['udp://192.168.1.4:3232', { kind: 'udp', hostname: '192.168.1.4', port: 3232 }],
    ['pull://eth0/unit-7', { kind: 'pull', interfaceName: 'eth0', port: null, deviceId: 'unit-7' }],
    ['pull://eth0:8070/unit-7', { kind: 'pull', interfaceName: 'eth0', port: 8070, deviceId: 'unit-7' }],
    [
      'pull://[fe80::1%eth0]:8070/unit-7',
      { kind: 'pull', interfaceName: '[fe80::1%eth0]', port: 8070, deviceId: 'unit-7' },
    ],
    ['mac:AA:bb:CC:dd:EE:0f', { kind: 'mac', value: 'aa:bb:cc:dd:ee:0f' }],
    ['mac:AA-BB-CC-DD-EE-0F', { kind: 'mac', value: 'aa:bb:cc:dd:ee:0f' }],
    ['bench-3', { kind: 'name', value: 'bench-3' }],
  ])('%s', (text, expected) => {
    const target = parseTarget(text)
    expect(target).toMatchObject(expected)
    expect(isEndpoint(target)).toBe(!['name', 'mac'].includes(target.kind))
  })

  it.each([
    ['', 'target.invalid'],
    ['  ', 'target.invalid'],
    ['http://', 'target.invalid'],
    ['http://host:99999', 'target.invalid'],
    ['https://192.168.4.1', 'target.invalid'],
    ['http://user:secret@host', 'target.invalid'],
    ['http://host/?x=1', 'target.invalid'],
    ['http://host/#x', 'target.invalid'],
    ['http://host/../x', 'target.unsafe-path'],
    ['http://host/a/%2e%2e/x', 'target.unsafe-path'],
    ['http://host/a%2f..%2fx', 'target.unsafe-path'],
    ['serial:', 'target.invalid'],
    ['tcp://host', 'target.invalid'],
    ['tcp://host:0', 'target.invalid'],
    ['tcp://host:70000', 'target.invalid'],
    ['udp://:5', 'target.invalid'],
    ['pull://eth0', 'target.invalid'],
    ['pull://eth0:0/unit-7', 'target.invalid'],
    ['pull://eth0:70000/unit-7', 'target.invalid'],
    ['mac:AA:BB', 'target.invalid'],
    ['/dev/ttyUSB0', 'target.invalid'],
    ['C:\\x', 'target.invalid'],
    ['../x', 'target.unsafe-path'],
    ['ftp://host', 'target.invalid'],
  ])('“%s” is refused: %s', (text, code) => {
    try {
      parseTarget(text)
      expect.unreachable()
    } catch (error) {
      expect(error instanceof FlashproofError ? error.code : error).toBe(code)
    }
  })
})

it('repeats no credentials in the error that refuses them', () => {
  for (const text of ['http://admin:S3cr3t@192.0.2.1/x', 'http://192.0.2.1/update?password=S3cr3t']) {
    expect(() => parseTarget(text)).toThrow(
      expect.objectContaining({
        code: 'target.invalid',
        details: { target: expect.not.stringContaining('S3cr3t') as unknown },
      }),
    )
  }
})
