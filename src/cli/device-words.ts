/** The sentences of `flashproof devices`, for people. */
import type { Language } from '../shared/messages/index.ts'

export interface DeviceWords {
  readonly headings: readonly string[]
  readonly searching: (hosts: number, range: string) => string
  readonly searched: (asked: number, total: number, answering: number, found: number) => string
  readonly searchCancelled: string
  readonly imported: (count: number) => string
  readonly exported: (count: number, path: string) => string
  readonly noPorts: string
  readonly notIdentified: (target: string, why: string) => string
  readonly alsoAt: string
  readonly away: string
}

const en: DeviceWords = {
  headings: ['Name', 'Target', 'MAC', 'Chip', 'Protocols', 'From'],
  searching: (hosts, range) => `Searching ${String(hosts)} addresses of ${range}. Ctrl-C stops.`,
  searched: (asked, total, answering, found) =>
    `${String(asked)} of ${String(total)} addresses tried, ${String(answering)} answer, ${String(found)} recognised.`,
  searchCancelled: 'The search was stopped.',
  imported: count => (count === 1 ? '1 device imported.' : `${String(count)} devices imported.`),
  exported: (count, path) => `${count === 1 ? '1 device' : `${String(count)} devices`} written to ${path}`,
  noPorts: 'No serial port is there to ask.',
  notIdentified: (target, why) => `${target}: the board did not say who it is${why === '' ? '' : ` (${why})`}`,
  alsoAt: 'also at',
  away: 'away',
}

const vi: DeviceWords = {
  headings: ['Tên', 'Đích', 'MAC', 'Chip', 'Giao thức', 'Nguồn'],
  searching: (hosts, range) => `Đang dò ${String(hosts)} địa chỉ của ${range}. Ctrl-C để dừng.`,
  searched: (asked, total, answering, found) =>
    `Đã thử ${String(asked)} trên ${String(total)} địa chỉ, ${String(answering)} có trả lời, nhận ra ${String(found)}.`,
  searchCancelled: 'Lần dò đã bị dừng.',
  imported: count => `Đã nhập ${String(count)} thiết bị.`,
  exported: (count, path) => `Đã ghi ${String(count)} thiết bị vào ${path}`,
  noPorts: 'Không có cổng nối tiếp nào để hỏi.',
  notIdentified: (target, why) => `${target}: bo mạch không cho biết nó là gì${why === '' ? '' : ` (${why})`}`,
  alsoAt: 'cũng ở',
  away: 'vắng',
}

export function deviceWords(language: Language): DeviceWords {
  return language === 'vi' ? vi : en
}
