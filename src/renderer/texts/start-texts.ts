/** Words of the first run and of unfinished work. */
import type { TextCatalogue } from './text.ts'

export const startTexts = {
  unfinishedOne: { en: 'Unfinished work: 1 board', vi: 'Việc dở dang: 1 bo' },
  unfinished: { en: 'Unfinished work: {count} boards', vi: 'Việc dở dang: {count} bo' },
  unfinishedWhy: {
    en: 'Flashproof stopped while these boards were being written. Nothing goes on by itself: decide for each board.',
    vi: 'Flashproof dừng khi các bo này đang được ghi. Không việc nào tự chạy tiếp: hãy quyết định cho từng bo.',
  },
  taken: { en: '{done} of {total} acknowledged', vi: 'đã xác nhận {done} trên {total}' },
  stoppedAt: { en: 'stopped {time}', vi: 'dừng lúc {time}' },
  resume: { en: 'Resume', vi: 'Tiếp tục' },
  abandon: { en: 'Abandon', vi: 'Bỏ' },
  resumeAll: { en: 'Resume all', vi: 'Tiếp tục tất cả' },
  later: { en: 'Decide later', vi: 'Quyết định sau' },
  abandonAsk: {
    en: 'Abandon this job? The board stays as it is now ({board}); the record says “cancelled”.',
    vi: 'Bỏ việc này? Bo giữ nguyên như bây giờ ({board}); hồ sơ ghi “đã hủy”.',
  },
  abandonYes: { en: 'Abandon the job', vi: 'Bỏ việc' },
  keep: { en: 'Keep it', vi: 'Giữ lại' },

  welcome: { en: 'Welcome to Flashproof', vi: 'Chào mừng đến với Flashproof' },
  step: { en: 'Step {step} of 3', vi: 'Bước {step} trên 3' },
  skip: { en: 'Skip', vi: 'Bỏ qua' },
  next: { en: 'Next', vi: 'Tiếp' },
  back: { en: 'Back', vi: 'Quay lại' },
  language: { en: 'Language', vi: 'Ngôn ngữ' },
  greenTitle: { en: 'Green means proven', vi: 'Xanh lá nghĩa là đã chứng minh' },
  greenText: {
    en: 'A tool that says “done” has only sent bytes. Each board here climbs a ladder of proof, and turns green only when its flash was compared with the file, or the new image was seen running.',
    vi: 'Công cụ báo “xong” mới chỉ gửi byte đi. Ở đây mỗi bo leo một thang chứng minh, và chỉ chuyển xanh khi flash được so với tệp, hoặc thấy bản mới đang chạy.',
  },
  exampleBelow: {
    en: 'Amber: as far as this device can tell. Normal for many boards.',
    vi: 'Hổ phách: thiết bị chỉ cho biết đến đó. Bình thường với nhiều bo.',
  },
  exampleProven: { en: 'Green: the flash was compared. Proven.', vi: 'Xanh lá: flash đã được so sánh. Đã chứng minh.' },
  exampleBad: {
    en: 'Red: other bytes lie in the flash, or the answer was lost.',
    vi: 'Đỏ: trong flash là dữ liệu khác, hoặc câu trả lời bị mất.',
  },
  checkTitle: { en: 'Check this PC', vi: 'Kiểm tra máy tính này' },
  checkText: {
    en: 'Nothing is sent to a device. What is not ok says what to do, and can be copied for IT.',
    vi: 'Không gửi gì đến thiết bị. Mục nào chưa tốt sẽ nói cần làm gì và có thể sao chép cho bộ phận IT.',
  },
  readyTitle: { en: 'Practise first, or start at your bench', vi: 'Luyện tập trước, hoặc bắt đầu ngay' },
  practise: { en: 'Practise with four virtual boards', vi: 'Luyện tập với bốn bo ảo' },
  practiseText: {
    en: 'One of them lies: it says success and keeps other bytes. Practice records are kept apart.',
    vi: 'Một bo nói dối: nó báo thành công nhưng giữ dữ liệu khác. Bản ghi luyện tập được giữ riêng.',
  },
  myBench: { en: 'My bench', vi: 'Bàn nạp của tôi' },
  myBenchText: {
    en: 'Boards on USB and on this network are listed by themselves.',
    vi: 'Bo trên USB và trong mạng này tự hiện trong danh sách.',
  },
  checking: { en: 'Checking…', vi: 'Đang kiểm tra…' },
  checkAgain: { en: 'Check again', vi: 'Kiểm tra lại' },
  copyForIt: { en: 'Copy for IT', vi: 'Sao chép cho IT' },
  allOk: { en: 'All is well.', vi: 'Mọi thứ đều tốt.' },
  'state-ok': { en: 'ok', vi: 'tốt' },
  'state-warning': { en: 'look at this', vi: 'cần xem' },
  'state-problem': { en: 'problem', vi: 'có vấn đề' },
  'state-unknown': { en: 'cannot be told', vi: 'không biết được' },
} satisfies TextCatalogue
