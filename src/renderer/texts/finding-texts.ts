/** What inspections find in firmware files, in plain words by code. `{…}` comes from the inspection. */
import type { TextCatalogue } from './text.ts'

export const findingTexts = {
  // Espressif images
  'trailing-bytes': {
    en: '{trailing} bytes lie behind the end of the image; the device ignores them.',
    vi: 'Có {trailing} byte nằm sau phần cuối của ảnh; thiết bị sẽ bỏ qua.',
  },
  'trailing-padding': {
    en: '{trailing} bytes of filler (FF) lie behind the end of the image.',
    vi: 'Có {trailing} byte đệm (FF) nằm sau phần cuối của ảnh.',
  },
  truncated: {
    en: 'The file ends too early: a part of the image is missing.',
    vi: 'Tệp kết thúc quá sớm: thiếu một phần của ảnh.',
  },
  'segment-count': {
    en: 'The image claims an impossible number of segments.',
    vi: 'Ảnh khai báo số đoạn không thể có.',
  },
  'segment-size': { en: 'A segment of the image has an impossible size.', vi: 'Một đoạn của ảnh có cỡ không thể có.' },
  'bad-checksum': {
    en: 'The checksum of the image is wrong: the file is damaged.',
    vi: 'Tổng kiểm tra của ảnh sai: tệp bị hỏng.',
  },
  'bad-sha256': {
    en: 'The SHA-256 inside the image is not that of its bytes: the file is damaged.',
    vi: 'SHA-256 trong ảnh không khớp với nội dung: tệp bị hỏng.',
  },
  'bad-signature': {
    en: 'The signature does not belong to these bytes. Sign the build again.',
    vi: 'Chữ ký không thuộc về nội dung này. Hãy ký lại bản dựng.',
  },
  'unknown-chip': {
    en: 'The image is for a chip that is not known here.',
    vi: 'Ảnh dành cho một chip chưa được biết.',
  },
  'no-sha256': {
    en: 'The image carries no SHA-256; only a one-byte checksum guards it.',
    vi: 'Ảnh không kèm SHA-256; chỉ có tổng kiểm tra một byte bảo vệ.',
  },
  'signed-image': { en: 'The image is signed for secure boot.', vi: 'Ảnh đã được ký cho khởi động an toàn.' },
  'no-app-descriptor': {
    en: 'The application does not say its name and version.',
    vi: 'Ứng dụng không cho biết tên và phiên bản.',
  },
  'arduino-build': {
    en: 'An Arduino build: the version is that of the Arduino core, not of the sketch.',
    vi: 'Bản dựng Arduino: phiên bản là của lõi Arduino, không phải của chương trình.',
  },
  'bootloader-image': {
    en: 'This is a bootloader, not an application: it never belongs into an app slot.',
    vi: 'Đây là bộ nạp khởi động, không phải ứng dụng: không bao giờ ghi vào khe ứng dụng.',
  },
  'merged-image': {
    en: 'A merged image of several parts: it goes over a serial port; an update over the air refuses it.',
    vi: 'Ảnh gộp nhiều phần: ghi qua cổng nối tiếp; cập nhật qua mạng sẽ từ chối.',
  },
  'no-partition-table': {
    en: 'No partition table follows the bootloader.',
    vi: 'Không có bảng phân vùng sau bộ nạp khởi động.',
  },
  'no-app': { en: 'The app partitions hold no application.', vi: 'Các phân vùng ứng dụng không chứa ứng dụng.' },
  'mixed-chips': { en: 'Its parts were made for different chips.', vi: 'Các phần được tạo cho những chip khác nhau.' },
  'app-too-large': {
    en: 'The application is larger than its partition.',
    vi: 'Ứng dụng lớn hơn phân vùng của nó.',
  },
  'partition-past-flash': {
    en: 'A partition ends behind the end of the flash.',
    vi: 'Một phân vùng vượt quá cuối bộ nhớ flash.',
  },
  'partition-table-fault': { en: 'The partition table is at fault.', vi: 'Bảng phân vùng có lỗi.' },
  'partition-md5-missing': {
    en: 'The partition table carries no MD5, or is cut off.',
    vi: 'Bảng phân vùng không có MD5 hoặc bị cắt.',
  },
  'empty-slot-chosen': {
    en: 'The boot choice names a slot in which no application lies.',
    vi: 'Lựa chọn khởi động trỏ tới khe không có ứng dụng.',
  },
  'otadata-record': {
    en: 'A boot choice (otadata), not an application.',
    vi: 'Lựa chọn khởi động (otadata), không phải ứng dụng.',
  },
  // files with addresses
  'name-says-otherwise': {
    en: 'The name promises another format; the content counts.',
    vi: 'Tên tệp nói định dạng khác; nội dung mới là quyết định.',
  },
  'gap-too-large': {
    en: 'The parts lie too far apart for a flat file: only protocols with addresses can write it.',
    vi: 'Các phần nằm quá xa nhau cho tệp phẳng: chỉ giao thức có địa chỉ ghi được.',
  },
  'not-at-flash-start': {
    en: 'The image begins behind the start of the flash: it needs its bootloader, and a flat upload needs the base.',
    vi: 'Ảnh bắt đầu sau đầu flash: cần bộ nạp khởi động, và tải lên dạng phẳng cần địa chỉ gốc.',
  },
  'implausible-vectors': {
    en: 'Its first words make no sense for an STM32: it would not start from there.',
    vi: 'Các từ đầu không hợp lý với STM32: nó sẽ không khởi động từ đó.',
  },
  'base-not-known': {
    en: 'It looks like an STM32 image without addresses: the base has to be stated.',
    vi: 'Trông như ảnh STM32 không có địa chỉ: cần nêu địa chỉ gốc.',
  },
  'missing-end': {
    en: 'The end record is missing: the file may be cut off.',
    vi: 'Thiếu bản ghi kết thúc: tệp có thể bị cắt.',
  },
  'byte-order-mark': { en: 'A byte order mark was ignored.', vi: 'Đã bỏ qua dấu thứ tự byte.' },
  'leading-blanks': { en: 'Blanks stand before records.', vi: 'Có khoảng trắng trước bản ghi.' },
  'trailing-blanks': { en: 'Blanks stand behind records.', vi: 'Có khoảng trắng sau bản ghi.' },
  'second-end': { en: 'There is a second end record.', vi: 'Có bản ghi kết thúc thứ hai.' },
  'second-start-address': {
    en: 'There are two start addresses; the last one counts.',
    vi: 'Có hai địa chỉ bắt đầu; địa chỉ cuối được dùng.',
  },
  'mixed-address-records': {
    en: 'Two kinds of address records are mixed; the last one counts here, some tools add them.',
    vi: 'Trộn hai loại bản ghi địa chỉ; ở đây lấy bản ghi cuối, một số công cụ lại cộng chúng.',
  },
  'crosses-page': {
    en: 'A record reaches past its 64 KiB page; its data was placed straight on.',
    vi: 'Một bản ghi vượt trang 64 KiB; dữ liệu được đặt nối tiếp.',
  },
  'repeated-bytes': {
    en: 'Some bytes come twice, the same both times.',
    vi: 'Một số byte lặp lại, hai lần như nhau.',
  },
  'header-text': { en: 'The file carries a name of its own.', vi: 'Tệp mang tên riêng bên trong.' },
  'no-load-addresses': {
    en: 'The file names no load addresses; those at which the program runs were taken.',
    vi: 'Tệp không nêu địa chỉ nạp; đã dùng địa chỉ chạy.',
  },
  'elf-header-segment': {
    en: 'The file’s own header was left out: it is no firmware.',
    vi: 'Đã bỏ phần đầu của chính tệp: không phải firmware.',
  },
  'ram-data': {
    en: 'A part loads into RAM, which cannot be flashed.',
    vi: 'Một phần nạp vào RAM, không thể ghi vào flash.',
  },
  'no-family': { en: 'The file does not say for which chip it is.', vi: 'Tệp không nói dành cho chip nào.' },
  'uf2-family': { en: 'The file names the chip that it is for.', vi: 'Tệp có nêu chip mà nó dành cho.' },
  'other-family': { en: 'Parts for other chips were left out.', vi: 'Đã bỏ các phần cho chip khác.' },
  'not-main-flash': {
    en: 'Parts that are not for the main flash were left out.',
    vi: 'Đã bỏ các phần không dành cho flash chính.',
  },
  'file-container': { en: 'Parts that hold files were left out.', vi: 'Đã bỏ các phần chứa tệp.' },
  'repeated-blocks': { en: 'Some blocks come twice.', vi: 'Một số khối lặp lại.' },
  'md5-unreadable': {
    en: 'An MD5 makes no sense and was not checked.',
    vi: 'Một MD5 không hợp lý nên không kiểm tra.',
  },
  'md5-not-covered': {
    en: 'An MD5 covers more than the file holds and was not checked.',
    vi: 'Một MD5 bao nhiều hơn nội dung tệp nên không kiểm tra.',
  },
} satisfies TextCatalogue
