/** Words of how firmware is sent: protocol, options, what is required. */
import type { TextCatalogue } from './text.ts'

export const transferTexts = {
  how: { en: 'How', vi: 'Cách gửi' },
  protocol: { en: 'Protocol', vi: 'Giao thức' },
  byDevice: { en: 'Chosen by each device', vi: 'Theo từng thiết bị' },
  noneTicked: { en: '{name} (no ticked device)', vi: '{name} (không thiết bị nào đánh dấu)' },
  misfits: {
    en: '{count} of {total} ticked devices do not speak it and are refused.',
    vi: '{count} trong {total} thiết bị đã đánh dấu không dùng được và sẽ bị từ chối.',
  },
  profile: { en: 'Profile', vi: 'Cấu hình' },
  profileDefault: { en: 'Default', vi: 'Mặc định' },
  profileOwn: { en: 'Own values', vi: 'Giá trị riêng' },
  options: { en: 'Options', vi: 'Tùy chọn' },
  changed: { en: '{count} changed', vi: 'đổi {count}' },
  faulty: { en: '{count} to correct', vi: 'cần sửa {count}' },
  optionsLater: {
    en: 'The options show when one protocol is chosen.',
    vi: 'Tùy chọn hiện ra khi đã chọn một giao thức.',
  },
  optionsShared: {
    en: 'Each device takes what its own protocol asks for. The other options show when one protocol is chosen.',
    vi: 'Mỗi thiết bị lấy mục mà giao thức của nó cần. Các tùy chọn khác hiện ra khi đã chọn một giao thức.',
  },
  sharedHelp: {
    en: 'Sent only to ticked devices whose protocol asks for it.',
    vi: 'Chỉ gửi cho thiết bị đã đánh dấu mà giao thức của nó cần.',
  },
  ownSecrets: { en: 'For one device alone:', vi: 'Cho riêng một thiết bị:' },
  showCredentials: { en: 'Passwords of devices', vi: 'Mật khẩu thiết bị' },
  noOptions: { en: 'This protocol has no options.', vi: 'Giao thức này không có tùy chọn.' },
  reset: { en: 'Reset to defaults', vi: 'Về mặc định' },
  'fault-integer': { en: 'A whole number from {minimum} to {maximum}', vi: 'Số nguyên từ {minimum} đến {maximum}' },
  'fault-integer-auto': {
    en: 'A whole number from {minimum} to {maximum}, or auto',
    vi: 'Số nguyên từ {minimum} đến {maximum}, hoặc auto',
  },
  'fault-text': { en: 'At most {maximum} characters', vi: 'Tối đa {maximum} ký tự' },
  'fault-choice': { en: 'Choose one of the list', vi: 'Chọn một mục trong danh sách' },
  secretNote: {
    en: 'Kept until this page is closed; never in the record.',
    vi: 'Chỉ giữ đến khi đóng trang; không bao giờ vào hồ sơ.',
  },
  need: { en: 'Need', vi: 'Yêu cầu' },
  needDefault: { en: 'As the device allows', vi: 'Theo khả năng thiết bị' },
  reachUpTo: { en: '{who} can show up to:', vi: '{who} cho thấy được đến:' },
  thisDevice: { en: 'This device', vi: 'Thiết bị này' },
  theseDevices: { en: 'Every ticked device', vi: 'Mọi thiết bị đã đánh dấu' },
  thisProtocol: { en: 'This protocol', vi: 'Giao thức này' },
  reachMaybe: { en: '{level}, if the device can tell', vi: '{level}, nếu thiết bị cho biết được' },
  reachNothing: { en: 'nothing for certain', vi: 'không gì chắc chắn' },
  greenByRestart: {
    en: 'What lies in flash cannot be compared. Green only if the device reports this very image after its restart.',
    vi: 'Không so sánh được nội dung flash. Chỉ xanh khi thiết bị báo đang chạy đúng ảnh này sau khi khởi động lại.',
  },
  greenNever: {
    en: 'Green is not possible: neither flash nor what runs can be shown.',
    vi: 'Không thể xanh: không cho thấy được flash lẫn phần đang chạy.',
  },
  reachMixed: {
    en: 'Each device shows as much as its own protocol allows; the review says how much.',
    vi: 'Mỗi thiết bị cho thấy đến mức giao thức của nó cho phép; phần xem lại nói rõ từng mức.',
  },
  reachUnknown: {
    en: 'What can be shown is known when a device is ticked.',
    vi: 'Đánh dấu một thiết bị để biết có thể cho thấy đến đâu.',
  },
  needTooHigh: {
    en: 'Not reachable here: the start is refused before the first byte.',
    vi: 'Không đạt được ở đây: sẽ bị từ chối trước byte đầu tiên.',
  },
  needUnsure: {
    en: 'Only the device can tell: it starts with a warning.',
    vi: 'Chỉ thiết bị mới biết: bắt đầu kèm cảnh báo.',
  },
} satisfies TextCatalogue
