/** Vietnamese texts: a title and a next step for every error code, and every id that people see as a word. One table, hence its length. */
import type { Messages } from './index.ts'

export const vi: Messages = {
  errors: {
    'internal.unexpected': {
      title: 'Lỗi ngoài dự kiến trong Flashproof',
      hint: 'Hãy xuất nhật ký của tác vụ và gửi kèm khi báo lỗi.',
    },
    'call.aborted': { title: 'Lệnh gọi đã bị hủy', hint: 'Hãy thực hiện lại thao tác khi cần.' },
    'call.timeout': {
      title: 'Tiến trình nền không trả lời kịp thời gian',
      hint: 'Hãy thử lại; nếu vẫn không có trả lời, hãy khởi động lại Flashproof.',
    },
    'contract.unknown-command': {
      title: 'Lệnh nội bộ không tồn tại',
      hint: 'Hãy dùng cửa sổ và tiến trình nền của cùng một phiên bản.',
    },
    'contract.invalid-request': {
      title: 'Yêu cầu bị từ chối: có trường bị thiếu hoặc sai',
      hint: 'Hãy kiểm tra các giá trị đã nhập; nếu tất cả đều đúng, hãy báo lỗi.',
    },
    'contract.invalid-response': {
      title: 'Tiến trình nền trả về kết quả không dùng được',
      hint: 'Hãy khởi động lại Flashproof; nếu lặp lại, hãy báo lỗi.',
    },
    'contract.forbidden': {
      title: 'Cửa sổ không được phép thực hiện thao tác này',
      hint: 'Hãy dùng trình đơn hoặc dòng lệnh cho thao tác này.',
    },
    'worker.exited': {
      title: 'Tiến trình nền đã dừng đột ngột',
      hint: 'Hãy đợi tiến trình khởi động lại rồi tiếp tục các tác vụ bị gián đoạn.',
    },
    'worker.not-ready': {
      title: 'Tiến trình nền đang khởi động',
      hint: 'Hãy thử lại sau vài giây.',
    },
    'worker.gave-up': {
      title: 'Tiến trình nền liên tục gặp sự cố và không được khởi động lại nữa',
      hint: 'Hãy khởi động lại Flashproof; nhật ký và mọi tác vụ đã xong vẫn được giữ nguyên.',
    },
    'environment.node-too-old': {
      title: 'Phiên bản Node này quá cũ',
      hint: 'Hãy khởi động chương trình bằng “npm run -s cli --” trong thư mục mã nguồn để dùng đúng phiên bản.',
    },
    'control.not-held': {
      title: 'Trang này chỉ xem',
      hint: 'Hãy chọn “Giành quyền điều khiển” ở phía trên để thao tác tại đây; trang kia khi đó chỉ xem.',
    },
    'host.unsupported': {
      title: 'Không thể làm việc này ở đây',
      hint: 'Hãy dùng ứng dụng trên máy tính hoặc dòng lệnh.',
    },
    'host.file-refused': {
      title: 'Không nhận được tập tin',
      hint: 'Hãy chọn lại tập tin bằng “Mở firmware”.',
    },

    'usage.unknown-command': {
      title: 'Không có lệnh này',
      hint: 'Hãy chạy “flashproof --help” để xem danh sách lệnh.',
    },
    'usage.unknown-option': {
      title: 'Không có tùy chọn này',
      hint: 'Hãy chạy lệnh với “--help” để xem các tùy chọn.',
    },
    'usage.missing-argument': {
      title: 'Thiếu đối số',
      hint: 'Hãy chạy lệnh với “--help” để xem lệnh cần những gì.',
    },
    'usage.invalid-value': {
      title: 'Giá trị trên dòng lệnh không hợp lệ',
      hint: 'Hãy chạy lệnh với “--help” để xem dạng của từng giá trị.',
    },

    'settings.invalid': {
      title: 'Tệp cài đặt không hợp lệ',
      hint: 'Hãy sửa trường đó trong settings.json, hoặc xóa tệp để dùng giá trị mặc định.',
    },
    'file.not-found': {
      title: 'Không tìm thấy tệp',
      hint: 'Hãy kiểm tra tên tệp; đường dẫn tương đối được tính từ thư mục hiện tại.',
    },
    'file.not-readable': {
      title: 'Không đọc được tệp',
      hint: 'Hãy kiểm tra quyền truy cập của tệp và ổ đĩa còn được kết nối hay không.',
    },
    'file.is-directory': { title: 'Đây là thư mục, không phải tệp', hint: 'Hãy chọn một tệp bên trong thư mục.' },
    'file.empty': { title: 'Tệp rỗng', hint: 'Hãy biên dịch hoặc sao chép lại tệp firmware.' },
    'file.too-large': {
      title: 'Tệp quá lớn so với một tệp firmware',
      hint: 'Hãy kiểm tra xem đã chọn đúng tệp chưa.',
    },
    'file.exists': {
      title: 'Tệp đầu ra đã tồn tại',
      hint: 'Hãy chọn tên khác hoặc xóa tệp hiện có trước.',
    },
    'file.not-writable': {
      title: 'Không ghi được tệp',
      hint: 'Hãy kiểm tra quyền của thư mục hoặc chọn thư mục khác.',
    },
    'file.disk-full': { title: 'Ổ đĩa đã đầy', hint: 'Hãy giải phóng dung lượng hoặc ghi sang ổ đĩa khác.' },

    'format.unknown': {
      title: 'Không nhận ra định dạng tệp',
      hint: 'Hãy chọn tệp firmware dạng Intel HEX, S-record, UF2, ELF hoặc nhị phân.',
    },
    'format.not-firmware': {
      title: 'Tệp này không phải firmware',
      hint: 'Hãy tìm tệp .bin, .hex, .srec, .uf2 hoặc .elf do trình biên dịch tạo ra.',
    },
    'format.malformed-record': {
      title: 'Một bản ghi trong tệp sai cấu trúc',
      hint: 'Hãy sao chép hoặc biên dịch lại tệp; tệp đã bị sửa hoặc bị hỏng tại vị trí đó.',
    },
    'format.bad-checksum': {
      title: 'Một tổng kiểm tra trong tệp bị sai',
      hint: 'Hãy sao chép lại tệp, vì tệp đã bị thay đổi hoặc hỏng trong lúc sao chép.',
    },
    'format.missing-end': {
      title: 'Tệp không có bản ghi kết thúc, có vẻ bị cắt cụt',
      hint: 'Hãy sao chép lại tệp, hoặc chấp nhận “missing-end” nếu chắc chắn tệp còn nguyên vẹn.',
    },
    'format.data-after-end': {
      title: 'Tệp vẫn còn dữ liệu sau bản ghi kết thúc',
      hint: 'Hãy kiểm tra xem có phải hai tệp bị nối vào nhau không, rồi biên dịch lại.',
    },
    'format.unsupported-record': {
      title: 'Tệp chứa loại bản ghi không được hỗ trợ',
      hint: 'Hãy xuất firmware sang định dạng khác, chẳng hạn Intel HEX hoặc nhị phân.',
    },
    'format.count-mismatch': {
      title: 'Số bản ghi trong tệp khác với số đã khai báo',
      hint: 'Hãy sao chép lại tệp, vì tệp bị thiếu một phần.',
    },
    'format.no-data': { title: 'Tệp không chứa dữ liệu firmware', hint: 'Hãy kiểm tra bản dựng đã tạo ra tệp này.' },
    'format.unsupported': {
      title: 'Biến thể này của định dạng không được hỗ trợ',
      hint: 'Hãy xuất firmware sang định dạng khác, chẳng hạn Intel HEX hoặc nhị phân.',
    },
    'format.bad-set': {
      title: 'Không dùng được danh sách thành phần',
      hint: 'Hãy biên dịch lại và chọn flasher_args.json hoặc manifest.json trong thư mục mà bản dựng đã ghi.',
    },
    'format.part-missing': {
      title: 'Thiếu một thành phần của bộ ảnh flash',
      hint: 'Hãy đặt lại thành phần được nêu cạnh tệp danh sách. Trình duyệt chỉ chuyển một tệp: hãy dùng ứng dụng trên máy hoặc dòng lệnh, hoặc gửi ảnh đã gộp.',
    },
    'format.variant-needed': {
      title: 'Tệp chứa firmware cho nhiều chip',
      hint: 'Hãy cho biết cần chip nào: trên dòng lệnh dùng --variant TÊN.',
    },
    'format.unknown-variant': {
      title: 'Tệp không có firmware cho chip đó',
      hint: 'Hãy nêu một chip mà tệp có, hoặc bỏ --variant khi tệp chỉ có một.',
    },
    'image.overlap': {
      title: 'Tệp cho hai giá trị khác nhau tại cùng một địa chỉ',
      hint: 'Hãy kiểm tra cách các phần của tệp được ghép lại.',
    },
    'image.address-range': {
      title: 'Có địa chỉ nằm ngoài phạm vi cho phép',
      hint: 'Hãy kiểm tra linker script và địa chỉ gốc.',
    },
    'image.gap-too-large': {
      title: 'Khoảng trống giữa hai phần của ảnh quá lớn để tạo tệp phẳng',
      hint: 'Hãy bỏ phần nằm quá xa, chẳng hạn option bytes, hoặc chuyển sang định dạng có địa chỉ.',
    },
    'image.base-required': {
      title: 'Chưa biết địa chỉ gốc của ảnh firmware',
      hint: 'Hãy nêu trong “Tùy chọn”, ở dòng lệnh bằng “--set base=0x08000000”, với cổng nối tới STM32 bằng “--set flashBase=0x08000000”; “lowest” gửi từ địa chỉ thấp nhất.',
    },
    'image.wrong-chip': {
      title: 'Firmware được biên dịch cho chip khác',
      hint: 'Hãy chọn bản dựng dành cho chip của thiết bị này.',
    },
    'image.wrong-kind': {
      title: 'Không thể gửi loại ảnh này bằng cách này',
      hint: 'Hãy chọn firmware được dựng cho thiết bị này: cập nhật ESP32 thì chỉ chọn ảnh ứng dụng, còn STM32 thì chọn chương trình cho STM32.',
    },
    'image.corrupt': {
      title: 'Ảnh firmware bị hỏng: mã kiểm tra bên trong không khớp',
      hint: 'Hãy biên dịch hoặc sao chép lại tệp.',
    },
    'image.hash-mismatch': {
      title: 'Không phải tệp mong đợi: mã SHA-256 khác',
      hint: 'Hãy chọn đúng tệp phát hành, hoặc sửa lại mã SHA-256 mong đợi.',
    },
    'image.too-large': {
      title: 'Ảnh firmware không vừa vùng nhớ của thiết bị',
      hint: 'Hãy dùng bản dựng nhỏ hơn hoặc thiết bị có phân vùng lớn hơn.',
    },
    'image.too-many-pieces': {
      title: 'Ảnh nằm rải rác ở quá nhiều đoạn',
      hint: 'Hãy kiểm tra tệp có trọn vẹn không, hoặc chuyển thành tệp phẳng trước bằng flashproof convert.',
    },
    'image.not-transferable': {
      title: 'Ảnh này không thể đi qua gateway mà không bị thay đổi',
      hint: 'Hãy sửa bản dựng để không còn các byte đã nêu, hoặc nạp thẳng STM32 qua cổng nối tiếp của nó.',
    },

    'option.unknown': {
      title: 'Giao thức không có tùy chọn này',
      hint: 'Hãy chọn một trong các tùy chọn mà giao thức này có.',
    },
    'option.invalid': {
      title: 'Giá trị của tùy chọn không hợp lệ',
      hint: 'Hãy sửa giá trị, hoặc bỏ tùy chọn để dùng giá trị mặc định.',
    },
    'target.invalid': {
      title: 'Địa chỉ đích sai cú pháp',
      hint: 'Hãy viết theo mẫu “http://192.168.1.20”, “udp://192.168.1.20:3232”, “pull://wlan0:8070/DEVICE-ID” hoặc “serial:/dev/ttyUSB0”.',
    },
    'target.unknown': {
      title: 'Không biết thiết bị nào có tên này',
      hint: 'Hãy chạy “flashproof devices” để xem danh sách thiết bị, hoặc nhập địa chỉ đầy đủ.',
    },
    'target.ambiguous': {
      title: 'Có nhiều thiết bị cùng tên này',
      hint: 'Hãy nhập địa chỉ đầy đủ hoặc địa chỉ MAC của thiết bị cần chọn.',
    },
    'target.unsafe-path': {
      title: 'Đường dẫn trên thiết bị chứa phần không được phép',
      hint: 'Hãy dùng đường dẫn đơn giản, không có “..”, ký tự điều khiển hoặc phần rỗng.',
    },
    'scan.range-invalid': {
      title: 'Dải địa chỉ sai cú pháp',
      hint: 'Hãy viết theo mẫu “192.168.4.0/24”, hoặc nhập một địa chỉ.',
    },
    'scan.range-too-large': {
      title: 'Dải có quá nhiều địa chỉ để dò một lần',
      hint: 'Hãy dò tối đa 4096 địa chỉ (một dải /20), thường là một dải /24.',
    },
    'scan.range-public': {
      title: 'Dải không thuộc mạng nội bộ',
      hint: 'Hãy dò một dải riêng hoặc mạng của máy này; nếu thật sự muốn địa chỉ khác thì phải nói rõ.',
    },
    'scan.running': {
      title: 'Đang có một lần dò thiết bị khác',
      hint: 'Hãy đợi lần dò đó xong, hoặc hủy nó trước.',
    },
    'devices-file.invalid': {
      title: 'Tệp thiết bị có dòng không đọc được',
      hint: 'Hãy sửa các dòng được nêu rồi nhập lại tệp.',
    },
    'protocol.unknown': {
      title: 'Không có giao thức này',
      hint: 'Hãy sửa tên giao thức, hoặc bỏ trống để chương trình tự hỏi thiết bị.',
    },
    'protocol.not-detected': {
      title: 'Thiết bị không trả lời giao thức cập nhật nào đã biết',
      hint: 'Hãy kiểm tra địa chỉ, hoặc chọn giao thức trong “Cách gửi”, trên dòng lệnh bằng “--protocol”.',
    },
    'protocol.ambiguous': {
      title: 'Thiết bị trả lời nhiều giao thức cập nhật',
      hint: 'Hãy chọn một trong các giao thức đó trong “Cách gửi”, trên dòng lệnh bằng “--protocol”.',
    },
    'protocol.endpoint-not-accepted': {
      title: 'Giao thức không hoạt động qua kiểu kết nối này',
      hint: 'Hãy chọn giao thức khác hoặc kiểu kết nối khác tới thiết bị.',
    },
    'require.unreachable-level': {
      title: 'Không thể đạt mức bằng chứng yêu cầu với thiết bị và giao thức này',
      hint: 'Hãy yêu cầu mức thấp hơn, hoặc dùng giao thức có thể chứng minh nhiều hơn.',
    },

    'device.busy': {
      title: 'Thiết bị hoặc cổng của nó đang được sử dụng',
      hint: 'Hãy đợi đến khi thiết bị rảnh, hoặc đóng chương trình đang giữ thiết bị.',
    },
    'device.identity-changed': {
      title: 'Một thiết bị khác đang trả lời tại địa chỉ này',
      hint: 'Hãy kiểm tra các kết nối và tạo tác vụ mới cho đúng thiết bị.',
    },
    'device.unidentified': {
      title: 'Thiết bị không cho biết danh tính của nó',
      hint: 'Hãy tự kiểm tra xem đã nối đúng bo mạch chưa, rồi chấp nhận “resume-unidentified”.',
    },
    'device.wrong-chip': {
      title: 'Chip của thiết bị khác với chip mà firmware cần',
      hint: 'Hãy chọn bản dựng dành cho chip của thiết bị này.',
    },
    'device.no-space': {
      title: 'Thiết bị không còn chỗ cho firmware',
      hint: 'Hãy giải phóng bộ nhớ trên thiết bị hoặc dùng bản dựng nhỏ hơn.',
    },
    'device.not-speaking': {
      title: 'Thiết bị không dùng giao thức mong đợi',
      hint: 'Hãy kiểm tra cổng, tốc độ và chế độ cập nhật của bo mạch.',
    },
    'device.unauthorised': {
      title: 'Thiết bị từ chối thông tin đăng nhập',
      hint: 'Hãy kiểm tra tên người dùng và mật khẩu hoặc khóa của thiết bị.',
    },
    'device.rejected': {
      title: 'Thiết bị từ chối dữ liệu',
      hint: 'Hãy khắc phục nguyên nhân mà thiết bị nêu, hoặc khởi động lại thiết bị, rồi tiếp tục tác vụ.',
    },
    'device.bad-answer': {
      title: 'Không hiểu được câu trả lời của thiết bị',
      hint: 'Hãy thử lại; nếu lặp lại, hãy kiểm tra cáp hoặc mạng.',
    },
    'device.session-lost': {
      title: 'Thiết bị đã quên phiên cập nhật đang chạy',
      hint: 'Hãy tiếp tục tác vụ; thiết bị sẽ quyết định phần nào phải gửi lại.',
    },
    'device.reboot-not-seen': {
      title: 'Không thấy thiết bị khởi động lại',
      hint: 'Hãy tự khởi động lại thiết bị và kiểm tra phiên bản của nó.',
    },
    'device.unresponsive': {
      title: 'Thiết bị ngừng trả lời',
      hint: 'Hãy kiểm tra nguồn điện và kết nối rồi tiếp tục tác vụ.',
    },
    'device.no-request': {
      title: 'Thiết bị chưa yêu cầu gì',
      hint: 'Hãy kiểm tra thiết bị ở cùng mạng với máy này, hỏi đúng địa chỉ được hiển thị, và tường lửa của máy này không chặn cổng đó.',
    },
    'device.no-connect-back': {
      title: 'Thiết bị đã nhận lời mời nhưng không kết nối tới máy này',
      hint: 'Hãy cho phép kết nối đến Flashproof trong tường lửa của máy này, và kiểm tra thiết bị cùng mạng với máy này, không bị cách ly máy khách.',
    },
    'device.stalled': {
      title: 'Thiết bị ngừng yêu cầu khối tiếp theo',
      hint: 'Hãy kiểm tra nguồn và mạng của thiết bị; thiết bị bắt đầu lại sẽ được phục vụ từ đầu.',
    },
    'device.refused': {
      title: 'Thiết bị từ chối nội dung tải lên',
      hint: 'Hãy khắc phục nguyên nhân do thiết bị cho biết, hoặc chọn tùy chọn khác cho giao thức này, rồi tiếp tục tác vụ.',
    },
    'device.foreign-address': {
      title: 'Thiết bị chuyển nội dung tải lên sang máy chủ khác',
      hint: 'Hãy kiểm tra đúng thiết bị chưa, và kết nối bằng địa chỉ mà thiết bị tự nêu; chưa gửi gì đến địa chỉ kia.',
    },
    'device.refused-image': {
      title: 'Thiết bị từ chối firmware',
      hint: 'Hãy kiểm tra khóa ở đây trùng với khóa trong thiết bị và ảnh được dựng cho bo mạch này, rồi tạo tác vụ mới.',
    },
    'relay.not-stored': {
      title: 'Gateway không có firmware để chuyển tiếp',
      hint: 'Hãy gửi lại; có thể gateway đã khởi động lại hoặc hết chỗ.',
    },
    'relay.not-ready': {
      title: 'STM32 không trả lời gateway',
      hint: 'Hãy kiểm tra nguồn, dây đất và hai dây UART giữa gateway và STM32, và chương trình cập nhật của nó đang chạy; rồi tiếp tục.',
    },
    'relay.length-refused': {
      title: 'STM32 từ chối độ dài của firmware',
      hint: 'Hãy kiểm tra ảnh được dựng cho đúng STM32 này và vừa với vùng chương trình của nó.',
    },
    'relay.broke-off': {
      title: 'Gateway không ghi xong vào STM32',
      hint: 'Hãy khởi động lại chương trình cập nhật của STM32 và kiểm tra dây rồi tiếp tục; firmware cũ có thể không còn.',
    },
    'relay.sum-differs': {
      title: 'STM32 tính ra tổng kiểm tra khác',
      hint: 'Hãy ngừng dùng bo mạch này; rút ngắn hoặc bọc chống nhiễu dây UART rồi tiếp tục, toàn bộ sẽ được gửi lại.',
    },

    'network.refused': {
      title: 'Thiết bị từ chối kết nối',
      hint: 'Hãy kiểm tra số cổng và dịch vụ cập nhật trên thiết bị có đang chạy không.',
    },
    'network.unreachable': {
      title: 'Không có đường mạng tới thiết bị',
      hint: 'Hãy kiểm tra máy tính này và thiết bị có cùng một mạng không.',
    },
    'network.reset': {
      title: 'Kết nối bị ngắt',
      hint: 'Hãy kiểm tra cường độ sóng, dây cáp và nguồn điện của thiết bị rồi tiếp tục tác vụ.',
    },
    'network.timeout': {
      title: 'Không có trả lời trong thời gian cho phép',
      hint: 'Hãy kiểm tra địa chỉ và mạng, với đường nối tiếp thì kiểm tra cáp và tốc độ, rồi thử lại.',
    },
    'network.name-not-found': {
      title: 'Không tìm thấy tên thiết bị trên mạng',
      hint: 'Hãy kiểm tra chính tả hoặc dùng địa chỉ IP.',
    },
    'network.answer-too-large': {
      title: 'Câu trả lời quá lớn nên không được đọc hết',
      hint: 'Hãy kiểm tra địa chỉ này có đúng là của thiết bị chứ không phải của máy chủ khác.',
    },
    'network.port-busy': {
      title: 'Cổng trên máy này đang được dùng hoặc không được phép',
      hint: 'Hãy chọn cổng khác, từ 1024 trở lên, hoặc bỏ trống; hoặc đóng chương trình đang giữ nó.',
    },

    'serial.port-missing': {
      title: 'Không có cổng nối tiếp này',
      hint: 'Hãy cắm bo mạch hoặc chọn cổng khác; danh sách thiết bị cho thấy những gì đang cắm.',
    },
    'serial.port-busy': {
      title: 'Chương trình khác đang dùng cổng nối tiếp',
      hint: 'Hãy đóng chương trình nêu trong chi tiết: màn hình nối tiếp, IDE hoặc một Flashproof khác.',
    },
    'serial.permission-denied': {
      title: 'Người dùng này không được mở cổng nối tiếp',
      hint: 'Hãy cài quy tắc udev của Flashproof hoặc thêm người dùng vào nhóm nêu trong chi tiết rồi đăng nhập lại.',
    },
    'serial.driver-missing': {
      title: 'Không nạp được trình điều khiển cổng nối tiếp',
      hint: 'Hãy cài lại Flashproof; nếu bộ chuyển đổi không có trong danh sách, hãy cài trình điều khiển của hãng.',
    },
    'serial.held-by-service': {
      title: 'Một dịch vụ của máy này chiếm cổng nối tiếp',
      hint: 'Hãy dừng dịch vụ nêu trong chi tiết, hoặc cài quy tắc udev của Flashproof để ngăn nó.',
    },
    'serial.unplugged': {
      title: 'Cổng nối tiếp đã biến mất',
      hint: 'Hãy cắm lại bo mạch; công việc sẽ tiếp tục với phần còn thiếu.',
    },
    'serial.unstable': {
      title: 'Cổng nối tiếp lúc có lúc không',
      hint: 'Hãy dùng cáp khác và cổng của chính máy tính hoặc hub có nguồn riêng.',
    },
    'serial.failed': {
      title: 'Cổng nối tiếp bị lỗi',
      hint: 'Hãy cắm lại bo mạch; thử cổng khác nếu lỗi lặp lại.',
    },
    'serial.not-rfc2217': {
      title: 'Máy chủ không cung cấp cổng nối tiếp qua RFC 2217',
      hint: 'Hãy bật RFC 2217 trên máy chủ (ser2net: telnet(rfc2217)), hoặc viết tcp:// nếu chỉ cần byte, không đặt tốc độ và đường điều khiển.',
    },
    'loader.no-answer': {
      title: 'Bộ nạp khởi động không trả lời',
      hint: 'Hãy đưa chip vào bộ nạp rồi bắt đầu lại (ESP32: giữ BOOT, nhấn RESET, thả BOOT; STM32: BOOT0 mức cao rồi reset); kiểm tra cáp, nguồn và tốc độ.',
    },
    'loader.not-in-download-mode': {
      title: 'Bo mạch chạy chương trình thay vì bộ nạp khởi động',
      hint: 'Hãy giữ BOOT, nhấn RESET, thả BOOT rồi bắt đầu lại: các đường tín hiệu của bộ chuyển đổi không tới bo mạch.',
    },
    'loader.broken-frame': {
      title: 'Câu trả lời của bộ nạp khởi động bị hỏng',
      hint: 'Hãy thử lại với tốc độ thấp hơn, cáp ngắn hơn hoặc bộ chuyển đổi khác.',
    },
    'loader.silent': {
      title: 'Bộ nạp khởi động ngừng trả lời',
      hint: 'Hãy thử lại với tốc độ thấp hơn, cáp ngắn hơn hoặc bộ chuyển đổi khác; kiểm tra xem bo mạch có bị mất nguồn không.',
    },
    'loader.refused': {
      title: 'Bộ nạp khởi động từ chối một lệnh',
      hint: 'Hãy xem chi tiết để biết lệnh nào và vì sao; thử lại với tốc độ thấp hơn.',
    },
    'loader.unknown-chip': {
      title: 'Bộ nạp khởi động thuộc chip chưa biết',
      hint: 'Hãy kiểm tra giao thức có đúng cho bo mạch này không; nêu kích thước flash nếu giao thức có tùy chọn đó.',
    },
    'loader.protected': {
      title: 'Chip được bảo vệ chống thao tác này',
      hint: 'Hãy xem chi tiết để biết loại bảo vệ. Gỡ bảo vệ có thể xóa chip: không bao giờ thực hiện nếu không gõ xác nhận.',
    },
    'loader.flash-differs': {
      title: 'Flash không chứa đúng những gì đã ghi',
      hint: 'Hãy ghi lại; chỗ nào lần nào cũng khác là được bảo vệ hoặc đã hỏng.',
    },
    'image.address-needed': {
      title: 'Tệp không cho biết vị trí trong flash',
      hint: 'Hãy nêu địa chỉ (ESP32: --set address=0x10000, STM32: --set base=0x08004000), hoặc dùng tệp có địa chỉ (HEX, bộ ảnh flash, ảnh gộp).',
    },
    'image.outside-flash': {
      title: 'Firmware vượt quá flash của chip này',
      hint: 'Hãy chọn bản dựng cho bo mạch này; chi tiết nêu địa chỉ và kích thước flash.',
    },
    'job.not-found': {
      title: 'Không có tác vụ này',
      hint: 'Hãy chạy “flashproof log list” để xem các tác vụ hiện có.',
    },
    'job.wrong-state': {
      title: 'Trạng thái hiện tại của tác vụ không cho phép thao tác này',
      hint: 'Hãy xem trạng thái hiện tại của tác vụ trước.',
    },
    'job.cancelled': {
      title: 'Tác vụ đã bị hủy',
      hint: 'Hãy xem trên bo mạch đang có gì trước khi rút; tác vụ có thể được tiếp tục.',
    },
    'job.decision-needed': {
      title: 'Tác vụ cần một quyết định',
      hint: 'Hãy trả lời khi được hỏi, hoặc chấp nhận trước mã của câu hỏi bằng “--accept”.',
    },
    'job.outcome-unknown': {
      title: 'Câu trả lời cuối cùng bị mất nên chưa rõ kết quả',
      hint: 'Hãy khởi động lại thiết bị và kiểm tra phiên bản, hoặc gửi lại firmware.',
    },
    'job.retries-exhausted': {
      title: 'Mọi lần thử lại đều thất bại',
      hint: 'Hãy khắc phục nguyên nhân của lần thất bại cuối rồi tiếp tục tác vụ.',
    },
    'job.batch-stopped': {
      title: 'Tác vụ không được bắt đầu vì lô đã dừng',
      hint: 'Hãy xem các tác vụ thất bại của lô rồi bắt đầu lại phần còn lại.',
    },
    'job.slept': {
      title: 'Máy tính đã ngủ trong khi tác vụ đang chạy',
      hint: 'Hãy chờ: tác vụ tự tiếp tục sau khi bo mạch cho biết lại nó là bo nào.',
    },
    'job.resume-refused': {
      title: 'Tác vụ không thể tiếp tục từ chỗ đã dừng',
      hint: 'Hãy tạo tác vụ mới; ảnh firmware, thiết bị hoặc phân vùng đã thay đổi.',
    },

    'journal.disk-full': {
      title: 'Ổ đĩa chứa nhật ký đã đầy nên các tác vụ được tạm dừng',
      hint: 'Hãy giải phóng dung lượng rồi tiếp tục các tác vụ.',
    },
    'journal.unreadable': {
      title: 'Không đọc được nhật ký, tệp cũ đã được cất riêng',
      hint: 'Hãy giữ lại tệp bị hỏng, vì các bản ghi trong đó có thể vẫn cứu được.',
    },
    'journal.newer-version': {
      title: 'Nhật ký do một phiên bản Flashproof mới hơn ghi',
      hint: 'Hãy cập nhật Flashproof; cho đến lúc đó nhật ký chỉ được đọc.',
    },
    'journal.read-only': {
      title: 'Nhật ký ở chế độ chỉ đọc',
      hint: 'Hãy cấp quyền ghi cho thư mục chứa nhật ký hoặc chọn thư mục dữ liệu khác.',
    },
    'journal.chain-broken': {
      title: 'Chuỗi bản ghi bị đứt: có bản ghi bị sửa, bị xóa hoặc bị thêm vào',
      hint: 'Hãy so sánh với một bản xuất trước đó, bắt đầu từ bản ghi hỏng đầu tiên.',
    },
    'journal.export-invalid': {
      title: 'Tệp này không phải bản xuất nhật ký hợp lệ',
      hint: 'Hãy chọn tệp do “flashproof log export” ghi ra.',
    },
    'journal.image-missing': {
      title: 'Thiếu ảnh firmware đã lưu của tác vụ',
      hint: 'Hãy tạo tác vụ mới với tệp firmware.',
    },
    'journal.unavailable': {
      title: 'Môi trường chạy này không có SQLite cho nhật ký',
      hint: 'Hãy dùng Node 24 trở lên hoặc ứng dụng đã cài đặt.',
    },
    'journal.wrong-kind': {
      title: 'Tác vụ mô phỏng và tác vụ thật không dùng chung nhật ký',
      hint: 'Hãy dùng nhật ký thực hành cho thiết bị ảo và nhật ký của trạm cho thiết bị thật.',
    },
  },

  words: {
    'level.sent': 'Máy tính này đã gửi xong',
    'level.acknowledged': 'Thiết bị báo thành công',
    'level.received': 'Đã nhận nguyên vẹn',
    'level.stored': 'Đã kiểm tra trong flash',
    'level.running': 'Đang chạy sau khi khởi động lại',
    'level.confirmed': 'Vẫn hoạt động ổn định',

    'verdict.proven': 'Đã chứng minh',
    'verdict.running': 'Đang chạy sau khi khởi động lại',
    'verdict.received': 'Đã nhận nguyên vẹn',
    'verdict.acknowledged': 'Thiết bị báo thành công',
    'verdict.sent': 'Máy tính này đã gửi xong',
    'verdict.unproven': 'Chưa chứng minh',
    'verdict.none': 'Chưa có kết luận',

    'reason.contradicted': 'bo mạch tự mâu thuẫn hoặc mâu thuẫn với ảnh firmware',
    'reason.below-required': 'bằng chứng thấp hơn mức yêu cầu',
    'reason.outcome-unknown': 'câu trả lời cuối cùng bị mất',
    'reason.not-answered': 'thiết bị không trả lời',

    'state.queued': 'Đang xếp hàng',
    'state.connecting': 'Đang kết nối',
    'state.preparing': 'Đang chuẩn bị',
    'state.transferring': 'Đang gửi',
    'state.verifying': 'Đang kiểm tra',
    'state.rebooting': 'Đang khởi động lại',
    'state.confirming': 'Đang theo dõi sau khi khởi động lại',
    'state.paused': 'Tạm dừng',
    'state.waiting': 'Đang chờ quyết định',
    'state.finished': 'Đã xong',
    'state.failed': 'Thất bại',
    'state.cancelled': 'Đã hủy',
    'state.interrupted': 'Bị gián đoạn',

    'board.old-firmware': 'Firmware cũ',
    'board.new-firmware': 'Firmware mới',
    'board.not-bootable': 'Không khởi động được',
    'board.unknown': 'Không rõ',

    'unplug.safe': 'Có thể rút an toàn',
    'unplug.keep-powered': 'Giữ nguồn điện',
  },
}
